"""A ledger outside of the server, and the handlers that write it.

Every call of a handler adds a line before it answers, written through to the disk: what stands there has happened, whatever
became of the server.
"""

import io
import json
import pathlib
import zipfile

from .wait import until

PRELUDE = '''
import json, os, time

def answer(event, text, **more):
    function = {"responseBody": {"TEXT": {"body": text}}, **more}
    return {"messageVersion": "1.0", "response": {"actionGroup": event["actionGroup"], "function": event["function"], "functionResponse": function}}

def arguments(event):
    return {one["name"]: one["value"] for one in event["parameters"]}

def key(context):
    return context.client_context.custom["idempotencyKey"]

def note(event, context):
    line = json.dumps({"key": key(context), "function": event["function"], "arguments": arguments(event), "event": event})
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(line + "\\n")
        ledger.flush()
        os.fsync(ledger.fileno())

def wait_for(name):
    folder = os.environ["GATES"]
    open(os.path.join(folder, "reached-" + name), "w").close()
    deadline = time.time() + 60
    while not os.path.exists(os.path.join(folder, "open-" + name)) and time.time() < deadline:
        time.sleep(0.01)
'''

BOOK = '''
def handler(event, context):
    if event["function"] == "hold":
        wait_for("hold")
    note(event, context)
    return answer(event, event["function"] + " " + json.dumps(arguments(event), sort_keys=True))
'''


def zip_of(source):
    """A deployment package with one module, `app`."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", source)
    return package.getvalue()


class Ledger:
    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "ledger.jsonl"
        self.gates = pathlib.Path(folder) / "gates"
        self.gates.mkdir(parents=True, exist_ok=True)

    def variables(self):
        return {"LEDGER": str(self.path), "GATES": str(self.gates)}

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def reached(self, name):
        until(lambda: (self.gates / f"reached-{name}").exists(), f"a handler that waits at the gate {name}")

    def open(self, name):
        (self.gates / f"open-{name}").touch()

    def effects(self):
        """Every effect once: calls with the same key count as one."""
        return {line["key"]: (line["function"], line["arguments"]) for line in self.lines()}
