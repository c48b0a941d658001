"""Secrets are put wherever one can be, and looked for wherever one must not be: log (at trace), traces, answers, journals, the state folder.

One server lives through turns, failures, bad signatures and providers that repeat the key; then everything that it has written or
said is searched. Each canary is a text of its own, so that a find says whose secret got out.
"""

import json
import re
import socket
import struct
import urllib.parse

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.agents import ROLE, Agent, add_group, function, schema, settled, unique
from support.double import call
from support.loopback import Handler, Loopback
from support.raw import request
from support.server import REGION, Server, run

KEY = "AKIDCANARY"
CANARIES = {
    "provider key of a variable": "canary-openai-env-7d1f4e",
    "provider key of a file": "canary-openai-file-91ac55",
    "anthropic key": "canary-anthropic-33b0c8",
    "bedrock secret": "canary-bedrock-secret-52f7a1",
    "bedrock session token": "canary-bedrock-token-0be9d2",
    "secret of a key": "canary-key-secret-f18c3377",
    "secret of a key, in a file": "canary-key-file-a05e6a2b",
    "session token of a key": "canary-key-token-6619fd0e",
    "secret of the upstream": "canary-upstream-secret-d4a1",
    "session token of the upstream": "canary-upstream-token-8b3c",
    "environment of a function": "canary-function-env-e77210",
    "bearer key of a request": "canary-bearer-header-4cc1b9",
    "credentials in a query": "canary-query-token-19d0ae",
}
CONFIG = f"""
[providers.variable]
kind = "openai"
base_url = "URL/openai/v1"
api_key_env = "C_OPENAI"
[providers.file]
kind = "openai"
base_url = "URL/file/v1"
api_key_file = "openai.key"
[providers.messages]
kind = "anthropic"
base_url = "URL/anthropic"
api_key_env = "C_ANTHROPIC"
[providers.converse]
kind = "bedrock"
base_url = "URL/bedrock"
region = "us-east-1"
access_key_env = "C_BEDROCK_ID"
secret_env = "C_BEDROCK_SECRET"
session_token_env = "C_BEDROCK_TOKEN"
[[route]]
model = "canary.variable"
to = ["variable/m"]
[[route]]
model = "canary.file"
to = ["file/m"]
[[route]]
model = "canary.messages"
to = ["messages/m"]
[[route]]
model = "canary.converse"
to = ["converse/m"]
[keys.team]
access_key = "{KEY}"
secret_env = "C_KEY"
admin = true
[keys.file]
access_key = "AKIDFILE"
secret_file = "key.secret"
[keys.session]
access_key = "ASIASESSION"
secret_env = "C_KEY"
session_token_env = "C_KEY_TOKEN"
[upstream]
url = "URL"
access_key = "AKIDUPSTREAM"
secret_env = "C_UPSTREAM"
session_token_env = "C_UPSTREAM_TOKEN"
"""


class Parrot(Loopback):
    """A model server, and an upstream, that repeats the headers it was sent, in whatever it answers."""

    def __init__(self):
        parrot = self
        self.mode, self.heard = "answer", []

        class Repeats(Handler):
            def do_POST(self):
                self.body()
                headers = dict(self.headers.items())
                parrot.heard.append(headers)
                said = " ".join(headers.values())
                if parrot.mode == "answer" and self.path.endswith("/chat/completions"):
                    return self.tell(200, parrot.reply())
                if parrot.mode == "answer":
                    return self.tell(200, {"headers": "not repeated"})
                kind = {"429": 429, "401": 401, "500": 500}.get(parrot.mode, 400)
                document = {"type": "error", "message": said, "error": {"type": "x", "code": said[:200], "message": f"bad key: {said}"}}
                if parrot.mode == "text":
                    return self.tell(kind, said.encode())
                return self.tell(kind, document)

            do_GET = do_PUT = do_POST

        super().__init__(Repeats)

    def reply(self):
        wanted, self.wanted = getattr(self, "wanted", None), None
        message = {"role": "assistant", "content": None if wanted else "<answer>fine</answer>"}
        if wanted:
            ((name, arguments),) = wanted.tools
            message["tool_calls"] = [{"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if wanted else "stop"}
        return {"id": "r", "object": "chat.completion", "model": "m", "choices": [choice]}


class Record:
    """What clients were told, and the signatures that they sent: a signature opens nothing twice, but has no place in a log either."""

    def __init__(self):
        self.told, self.signatures = [], set()

    def watch(self, client):
        client.meta.events.register("before-send", self.sent)
        client.meta.events.register("after-call", self.heard)
        return client

    def sent(self, request, **_):
        header = request.headers.get("authorization", b"")
        header = header.decode() if isinstance(header, bytes) else header
        self.signatures.update(re.findall(r"Signature=([0-9a-f]{64})", header))

    def heard(self, parsed, **_):
        self.told.append(repr({name: value for name, value in parsed.items() if not hasattr(value, "read")}))


def make_agent(server, model, arn):
    made = server.agents.create_agent(
        agentName=unique("canary"), foundationModel=model, instruction="You keep what you are told to yourself, always and everywhere.",
        agentResourceRoleArn=ROLE,
    )["agent"]
    settled(server, made["agentId"], "NOT_PREPARED")
    add_group(server, made["agentId"], "tools", arn, schema("look", room="string?"))
    return Agent(server, made["agentId"], made["agentName"], session=unique("session")).prepare()


FAILS = "def handler(event, context):\n    assert os.environ['CANARY']\n    raise ValueError('no rooms today')"
WORKS = "def handler(event, context):\n    return answer(event, 'one room, ' + str(len(os.environ['CANARY'])))"


def http2(server, headers):
    """One request over HTTP/2, frame by frame: its headers pass through other code, with logs of its own."""
    place = urllib.parse.urlsplit(server.url)

    def text(value):
        data = value.encode()
        assert len(data) < 127
        return bytes([len(data)]) + data

    block = b"\x82\x86\x04" + text("/agents/?secret=" + CANARIES["credentials in a query"]) + b"\x01" + text("localhost")
    block += b"".join(b"\x10" + text(name) + text(value) for name, value in headers.items())
    frame = struct.pack(">I", len(block))[1:] + b"\x01\x05" + struct.pack(">I", 1) + block
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + frame)
        sock.settimeout(10)
        got = b""
        while b"\x00\x00\x00\x01" not in got[9:]:
            got += sock.recv(65536)
    return got


# The first test waits for the whole life.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """The server after its life, its agents, and what clients heard."""
    folder, parrot, record = tmp_path_factory.mktemp("canary"), Parrot(), Record()
    (folder / "openai.key").write_text(CANARIES["provider key of a file"] + "\n")
    (folder / "key.secret").write_text(CANARIES["secret of a key, in a file"] + "\n")
    variables = {
        "BEDPLATE_LOG": "trace",
        "C_OPENAI": CANARIES["provider key of a variable"],
        "C_ANTHROPIC": CANARIES["anthropic key"],
        "C_BEDROCK_ID": "AKIDBEDROCK",
        "C_BEDROCK_SECRET": CANARIES["bedrock secret"],
        "C_BEDROCK_TOKEN": CANARIES["bedrock session token"],
        "C_KEY": CANARIES["secret of a key"],
        "C_KEY_TOKEN": CANARIES["session token of a key"],
        "C_UPSTREAM": CANARIES["secret of the upstream"],
        "C_UPSTREAM_TOKEN": CANARIES["session token of the upstream"],
    }
    server = Server(folder, config=CONFIG.replace("URL", parrot.url), variables=variables).start()
    session = boto3.Session(KEY, CANARIES["secret of a key"], region_name=REGION)
    once = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False)
    names = {"agents": "bedrock-agent", "runtime": "bedrock-agent-runtime", "functions": "lambda"}
    for place, name in names.items():
        setattr(server, place, record.watch(session.client(name, endpoint_url=server.url, config=once)))
    works, fails = (function(server, source, {"CANARY": CANARIES["environment of a function"]}) for source in (WORKS, FAILS))

    turns = []
    for model in ("canary.variable", "canary.file", "canary.messages", "canary.converse"):
        for arn in (works, fails):
            made = make_agent(server, model, arn)
            for mode in ("answer", "400", "text", "401", "500", "429") if arn == works else ("answer",):
                parrot.mode = mode
                parrot.wanted = call("tools__look", {"room": "blue"}) if mode == "answer" else None
                for streaming in (False, True):
                    turns.append(made.ask(f"{mode}, please", session=f"{model}-{mode}".replace(".", "-"), streaming=streaming))
    parrot.mode = "answer"

    def refused(client, operation, **given):
        with pytest.raises(ClientError) as error:
            getattr(client, operation)(**given)
        record.told.append(repr(error.value.response))

    # Keys that are wrong in every way.
    for identity in (
        (KEY, CANARIES["secret of a key, in a file"], None),
        ("AKIDNOBODY", CANARIES["secret of a key"], None),
        ("AKIDFILE", CANARIES["secret of a key"], None),
        ("ASIASESSION", CANARIES["secret of a key"], None),
        ("ASIASESSION", CANARIES["secret of a key"], CANARIES["session token of a key"] + "-stale"),
    ):
        wrong = record.watch(boto3.Session(*identity, region_name=REGION).client("bedrock-agent", endpoint_url=server.url, config=once))
        refused(wrong, "list_agents")
    for identity in (("AKIDFILE", CANARIES["secret of a key, in a file"], None), ("ASIASESSION", CANARIES["secret of a key"], CANARIES["session token of a key"])):
        record.watch(boto3.Session(*identity, region_name=REGION).client("bedrock-agent", endpoint_url=server.url, config=once)).list_agents()
    bearer = CANARIES["bearer key of a request"]
    query = CANARIES["credentials in a query"]
    presigned = f"/agents/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={query}&X-Amz-Security-Token={query}&X-Amz-Signature={query}"
    for method, path, headers in (
        ("POST", "/agents/", {"authorization": f"Bearer {bearer}"}),
        ("POST", "/agents/", {"authorization": f"AWS4-HMAC-SHA256 Credential={bearer}/x, SignedHeaders={bearer}, Signature={bearer}"}),
        ("POST", "/agents/", {"authorization": bearer}),
        ("GET", presigned, {"authorization": ""}),
        ("GET", "/_bedplate/sessions?token=" + query, {"x-forwarded-for": "10.0.0.1", "x-amz-security-token": bearer}),
        ("GET", "/no/such/path?secret=" + query, {"cookie": bearer, "x-api-key": bearer}),
    ):
        record.told.append(repr(request(server, method, path, headers=headers)))
    record.told.append(repr(http2(server, {"authorization": f"Bearer {bearer}", "x-amz-security-token": bearer})))
    # Other services go on to the upstream, signed anew.
    session.client("dynamodb", endpoint_url=server.url, config=once).list_tables()
    parrot.mode = "400"
    yield server, turns, record, parrot
    server.stop()


def everything(server, turns, record):
    """What the server has written and said: name → bytes."""
    signed = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": CANARIES["secret of a key"]}
    seen = {"log": server.log(), "answers": "\n".join(record.told)}
    seen["turns"] = "\n".join(repr([turn.events, getattr(turn.error, "response", None), turn.headers]) for turn in turns)
    listed = json.loads(run("session", "list", "-o", "json", "--limit", "1000", "--url", server.url, **signed).stdout)
    sessions = [f"{one['agentId']}/{one['sessionId']}" for one in listed["sessions"]]
    assert len(sessions) > 20
    for flags in ((), ("--raw",), ("-o", "json")):
        shown = [run("session", "show", *flags, "--url", server.url, "--", name, **signed) for name in sessions[::3]]
        assert all(one.returncode == 0 and one.stdout for one in shown), shown[0].stderr
        seen[f"session show {' '.join(flags)}"] = "\n".join(one.stdout + one.stderr for one in shown)
    failed = [turn.request_id for turn in turns if turn.error][::5]
    why = [run("why", one, "--url", server.url, **signed) for one in failed]
    assert any(one.returncode == 0 for one in why)
    seen["why"] = "\n".join(one.stdout + one.stderr for one in why)
    doctor = run("doctor", "--config", server.config, "--url", server.url, **signed, **server.variables)
    seen["doctor"] = doctor.stdout + doctor.stderr
    check = run("config", "check", "--config", server.config, **server.variables)
    seen["config check"] = check.stdout + check.stderr
    return {name: text.encode() for name, text in seen.items()}


def test_the_canaries_were_there(lived):
    server, turns, record, parrot = lived
    heard = json.dumps(parrot.heard)
    for name in ("provider key of a variable", "provider key of a file", "anthropic key", "bedrock session token", "session token of the upstream"):
        assert CANARIES[name] in heard, f"{name} was never used"
    assert any(turn.answer == "fine" for turn in turns) and sum(turn.error is not None for turn in turns) > 30
    assert len(record.signatures) > 40
    assert "TRACE" in server.log() or '"level":"TRACE"' in server.log()


def test_no_secret_gets_out(lived):
    server, turns, record, _ = lived
    found = []
    for place, data in everything(server, turns, record).items():
        for name, canary in CANARIES.items():
            if (place, name) == ("answers", "environment of a function"):
                continue  # CreateFunction repeats its document, as AWS does.
            for at in re.finditer(re.escape(canary.encode()), data):
                found.append(f"{name} in {place}: …{data[max(0, at.start() - 150):at.end() + 40]!r}")
                break
        for signature in record.signatures:
            if signature.encode() in data:
                found.append(f"a signature in {place}")
                break
    assert not found, "\n".join(found)


def test_the_state_folder_holds_only_what_it_must(lived):
    server, _, record, _ = lived
    found = set()
    for path in server.state.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found |= {name for name, canary in CANARIES.items() if canary.encode() in data}
            assert not any(signature.encode() in data for signature in record.signatures), path
    # What CreateFunction was given is a document like any other.
    assert found == {"environment of a function"}
