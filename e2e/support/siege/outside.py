"""What stands outside of the server: the ledger that its tools write, the model, and the trap that kills the server."""

import collections
import contextlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..double import Double, Gate, Reply, say

# Runs in the function's process. The ledger knows a call by its key; which life of the server made it is told by the Runtime API's address.
HANDLER = """
import urllib.request

def handler(event, context):
    line = {"key": KEY, "life": os.environ["AWS_LAMBDA_RUNTIME_API"], "function": event["function"], **arguments(event)}
    request = urllib.request.Request(os.environ["LEDGER"], json.dumps(line).encode())
    with urllib.request.urlopen(request, timeout=60) as receipt:
        return answer(event, receipt.read().decode())
"""
# A handler that ignores the key it is given: what the ledger cannot see then, the test must.
KEYED, KEYLESS = HANDLER.replace("KEY,", "key(context),"), "import uuid\n" + HANDLER.replace("KEY,", "str(uuid.uuid4()),")

# What a turn says: its token, and what the model is to do, step by step.
PLAN = re.compile(r"plan (\S+)\.(\d+) (\S+)")
CALLS = {"c": "pay__charge", "f": "pay__refund", "d": "pay__refund", "r": "desk__ring"}


class Trap:
    """Kills the server when what it was armed with happens for the n-th time."""

    def __init__(self, kill):
        self.kill, self.lock = kill, threading.Lock()
        self.armed = None
        self.open = collections.Counter()

    def arm(self, kind, times=1, delay=0.0):
        with self.lock:
            self.armed = [kind, times, delay]

    def disarm(self):
        with self.lock:
            self.armed = None

    @contextlib.contextmanager
    def during(self, what):
        """Counts what is going on, so that a kill knows what it broke off."""
        with self.lock:
            self.open[what] += 1
        try:
            yield
        finally:
            with self.lock:
                self.open[what] -= 1

    def at(self, kind):
        """Something happened. Without a delay the server is dead when this returns."""
        with self.lock:
            if not self.armed or self.armed[0] != kind:
                return
            self.armed[1] -= 1
            if self.armed[1] > 0:
                return
            delay, self.armed = self.armed[2], None
        if delay:
            threading.Timer(delay, self.kill, [kind]).start()
        else:
            self.kill(kind)


class Moment(Gate):
    """A place in a streamed reply."""

    def __init__(self, trap, kind):
        super().__init__()
        self.trap, self.kind = trap, kind

    def hold(self):
        self.trap.at(self.kind)


class Quiet(ThreadingHTTPServer):
    """Servers die while they talk to it: that is no news."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


class Ledger:
    """Takes effects over HTTP. A key that came before gets the same receipt: that is what a key is for."""

    def __init__(self, trap):
        self.lines, self.receipts, self.lock = [], {}, threading.Lock()
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                with trap.during("tool"):
                    line = json.loads(self.rfile.read(int(self.headers["content-length"])))
                    trap.at("a tool is called")
                    receipt = ledger.take(line)
                    trap.at("a tool has done its work")
                    with contextlib.suppress(OSError):
                        self.send_response(200)
                        self.send_header("content-length", str(len(receipt)))
                        self.end_headers()
                        self.wfile.write(receipt)
                trap.at("a tool has answered")

            def log_message(self, *_):
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}/"

    def take(self, line):
        with self.lock:
            self.lines.append(line)
            receipt = self.receipts.setdefault(line["key"], f"{line['function']}-{line['token']}-{line['step']}-receipt-{len(self.receipts)}")
        return receipt.encode()

    def effects(self):
        """(token, step) → keys under which it happened."""
        found = collections.defaultdict(set)
        with self.lock:
            for line in self.lines:
                found[line["token"], line["step"]].add(line["key"])
        return found


class Model(Double):
    """A model that does what the user's plan says and forgets everything between calls: what it knows of a turn stands in the request."""

    def __init__(self, trap):
        super().__init__()
        self.http.handle_error = lambda *_: None
        self.trap, self.heard = trap, {}
        self.always(self.think)

    def answer(self, http, body):
        with self.trap.during("model"):
            self.trap.at("the model is called")
            super().answer(http, body)
        self.trap.at("the model has answered")
        self.requests.clear()

    def think(self, body):
        said = [one for one in body["messages"] if one["role"] != "system"]
        plans = [(at, found) for at, one in enumerate(said) if one["role"] == "user" and (found := PLAN.findall(one["content"]))]
        at, found = plans[-1]
        session, number, steps = found[-1]
        # What the model sees of the session, kept for the end.
        self.heard[session] = [(token, int(turn)) for _, all_of in plans for token, turn, _ in all_of]
        since = said[at + 1 :]
        done = sum(bool(one.get("tool_calls")) for one in since)
        steps = [] if steps == "-" else steps.split(",")
        if done < len(steps):
            arguments = [{"token": f"{session}.{number}", "step": f"{done}{kind}{place}"} for place, kind in enumerate(steps[done])]
            return Reply(pieces=["I go on."], tools=[(CALLS[kind], given) for kind, given in zip(steps[done], arguments)])
        results = " ".join(one["content"].split("\n")[0] for one in since if one["role"] == "tool")
        return say("<answer>done ", Moment(self.trap, "the model streams"), f"{session}.{number}: {results}</answer>")


def pause(seconds=0.01):
    time.sleep(seconds)
