"""Lambda as people use it beyond a function and its invoke: events, versions, aliases, concurrency, runtimes of their own."""

import base64
import io
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from botocore.exceptions import ClientError

from support.agents import ROLE, agent, function, refused, schema, unique
from support.double import call, say
from support.ledger import PRELUDE, zip_of
from support.loopback import Handler, Loopback
from support.wait import until

COUNT = """
import os
def handler(event, context):
    with open(os.environ["PLACE"], "a") as file:
        file.write(context.aws_request_id + "\\n")
    if event.get("hang"):
        import time
        time.sleep(60)
"""


@pytest.fixture
def functions(server):
    return server.functions


def create(functions, source, **more):
    sent = {"FunctionName": unique("fn"), "Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": zip_of(source)}}
    return functions.create_function(**{**sent, **more})


def invoke(functions, name, event=None, **more):
    """(what the function returned, the answer)."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return json.loads(answer["Payload"].read()), answer


def package(**files):
    """A deployment package; every file may be executed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name.replace("__", "."))
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def lines(path):
    return path.read_text().split() if path.exists() else []


def test_an_event_is_answered_at_once_and_made(functions, tmp_path):
    place = tmp_path / "calls"
    name = create(functions, COUNT, Environment={"Variables": {"PLACE": str(place)}})["FunctionName"]
    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    until(lambda: lines(place), "the event")
    assert lines(place) == [answer["ResponseMetadata"]["RequestId"]]
    code, _, status = refused(functions.invoke, FunctionName=name, InvocationType="Event", Payload=b'"' + b"x" * (1 << 20) + b'"')
    assert (code, status) == ("RequestTooLargeException", 413)


def test_an_event_survives_the_server(new_server, tmp_path):
    own, place = new_server().start(), tmp_path / "calls"
    name = create(own.functions, COUNT, Environment={"Variables": {"PLACE": str(place)}}, Timeout=70)["FunctionName"]
    answer = own.functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"hang": true}')
    until(lambda: lines(place), "the event's first call")
    own.kill9()
    own.restart()
    until(lambda: len(lines(place)) == 2, "the event's second call")
    assert set(lines(place)) == {answer["ResponseMetadata"]["RequestId"]}, "under the same id"


def test_versions_and_aliases(functions, server, model):
    source = "def handler(event, context):\n    return WORD + context.function_version"
    made = create(functions, "WORD = 'a'\n" + source, Publish=True)
    name = made["FunctionName"]
    assert made["Version"] == "1"
    functions.update_function_code(FunctionName=name, ZipFile=zip_of("WORD = 'b'\n" + source))
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert functions.publish_version(FunctionName=name, Description="second")["Version"] == "2"
    functions.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="2")
    live = functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert [invoke(functions, name, Qualifier=one)[0] for one in ("1", "2", "live", "$LATEST")] == ["a1", "b2", "a1", "b$LATEST"]
    got, answer = invoke(functions, live["AliasArn"], LogType="Tail")
    assert (got, answer["ExecutedVersion"]) == ("a1", "1")
    assert "Version: 1\n" in base64.b64decode(answer["LogResult"]).decode()

    functions.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    assert {invoke(functions, live["AliasArn"])[0] for _ in range(60)} == {"a1", "b2"}, "shared out"
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
    assert invoke(functions, live["AliasArn"])[0] == "b2"

    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    assert [one["Version"] for page in pages for one in page["Versions"]] == ["$LATEST", "1", "2"]
    assert [one["Name"] for page in functions.get_paginator("list_aliases").paginate(FunctionName=name) for one in page["Aliases"]] == ["live"]
    assert refused(functions.delete_function, FunctionName=name, Qualifier="2")[0] == "ResourceConflictException"
    functions.delete_alias(FunctionName=name, Name="live")
    assert refused(functions.get_alias, FunctionName=name, Name="live")[2] == 404


def test_an_agent_names_an_alias(server, model):
    arn = function(server, "def handler(event, context):\n    return answer(event, context.function_version)")
    server.functions.publish_version(FunctionName=arn)
    server.functions.create_alias(FunctionName=arn, Name="live", FunctionVersion="1")
    made = agent(server, {"g": (arn + ":live", schema("f"))})
    model.will(call("g__f"), say("ok"))
    turn = made.ask("go")
    assert turn.error is None and turn.observed() == ["1"], turn.error


def test_reserved_concurrency(functions):
    name = create(functions, "def handler(event, context):\n    return 'ran'")["FunctionName"]
    assert invoke(functions, name)[0] == "ran"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert functions.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    with pytest.raises(ClientError) as error:
        functions.invoke(FunctionName=name)
    assert error.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert error.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    functions.delete_function_concurrency(FunctionName=name)
    assert invoke(functions, name)[0] == "ran"


HANDLER = """
import os
def handler(event, context):
    if event == "fail":
        raise ValueError("no court")
    custom = context.client_context and context.client_context.custom
    return {"event": event, "name": context.function_name, "custom": custom, "left": context.get_remaining_time_in_millis() > 0}
"""


def test_awslambdaric_unmodified(functions):
    """AWS's own Python runtime client, as a container image would start it."""
    client = pytest.importorskip("awslambdaric")
    packages = pathlib.Path(client.__file__).parents[1]
    start = f"#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} -m awslambdaric $_HANDLER\n"
    made = create(functions, "", Runtime="provided.al2023", Code={"ZipFile": package(bootstrap=start, app__py=HANDLER)}, Timeout=30)
    given = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    got, answer = invoke(functions, made["FunctionName"], {"ü": 1}, ClientContext=given)
    assert got == {"event": {"ü": 1}, "name": made["FunctionName"], "custom": {"a": "b"}, "left": True}, got
    got, answer = invoke(functions, made["FunctionName"], "fail")
    assert (answer["FunctionError"], got["errorType"], got["errorMessage"]) == ("Unhandled", "ValueError", "no court")
    assert invoke(functions, made["FunctionName"], 1)[0]["event"] == 1, "the process lives on"


RUST = r"""
use std::io::{Read, Write};
use std::net::TcpStream;

/// One request on a connection of its own: the head of the answer in lower case, and its body.
fn ask(api: &str, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(api).unwrap();
    let length = body.len();
    write!(stream, "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut calls = 0;
    loop {
        let (head, event) = ask(&api, "GET", "invocation/next", "");
        let id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: ")).unwrap();
        calls += 1;
        eprintln!("call {calls}");
        ask(&api, "POST", &format!("invocation/{id}/response"), &format!("{{\"calls\":{calls},\"event\":{event}}}"));
    }
}
"""


@pytest.mark.skipif(not shutil.which("rustc"), reason="needs rustc")
def test_a_bootstrap_in_rust(functions, tmp_path):
    """A binary that speaks the Runtime API with the standard library alone."""
    source, binary = tmp_path / "main.rs", tmp_path / "bootstrap"
    source.write_text(RUST)
    subprocess.run(["rustc", "--edition", "2021", "-o", binary, source], check=True)
    sent = {"Runtime": "provided.al2023", "Handler": "none", "Code": {"ZipFile": package(bootstrap=binary.read_bytes())}, "Timeout": 30}
    name = create(functions, "", **sent)["FunctionName"]
    assert [invoke(functions, name, n)[0] for n in (1, 2)] == [{"calls": 1, "event": 1}, {"calls": 2, "event": 2}]
    assert "call 3\n" in base64.b64decode(invoke(functions, name, LogType="Tail")[1]["LogResult"]).decode()


def test_a_handler_that_takes_too_much(functions):
    source = """
import os, time
def handler(event, context):
    if event == "memory":
        return len(bytearray(6 << 30))
    if event == "files":
        return len([open("/dev/null") for _ in range(3000)])
    if event == "flood":
        for _ in range(300):
            print("x" * 10_000)
    if event == "bytes":
        return b"bytes"
    if event == "die":
        os._exit(7)
    return "fine"
"""
    name = create(functions, source, Timeout=20)["FunctionName"]
    wanted = {"memory": "MemoryError", "files": "OSError", "bytes": "Runtime.MarshalError", "die": "Runtime.ExitError"}
    for event, error in wanted.items():
        got, answer = invoke(functions, name, event)
        assert (answer["FunctionError"], got["errorType"]) == ("Unhandled", error), got
        assert invoke(functions, name, "again")[0] == "fine"
    got, answer = invoke(functions, name, "flood", LogType="Tail")
    assert got == "fine" and len(base64.b64decode(answer["LogResult"])) <= 4096


@pytest.fixture
def elsewhere():
    """A server that answers every POST as a tool would, and what it was sent."""
    seen = []

    class Tool(Handler):
        def do_POST(self):
            event = json.loads(self.body())
            seen.append((self.path, self.headers, event))
            function = {"responseBody": {"TEXT": {"body": "from elsewhere"}}}
            response = {"actionGroup": event.get("actionGroup"), "function": event.get("function"), "functionResponse": function}
            self.tell(200, {"messageVersion": "1.0", "response": response})

    server = Loopback(Tool)
    yield server.url, seen
    server.stop()


def test_functions_of_the_configuration(server, new_server, double, model, elsewhere, tmp_path):
    """The same agent with its function in a folder, behind an address, and at another server of the Lambda API."""
    address, seen = elsewhere
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text(PRELUDE + "def lambda_handler(event, context):\n    return answer(event, 'from a folder')\n")
    there = function(server, "def handler(event, context):\n    return answer(event, 'from another server')").rsplit(":", 1)[1]
    mapped = f"""
[functions.near]
code = "{tmp_path}/src"

[functions."arn:aws:lambda:us-east-1:123456789012:function:web"]
url = "{address}/hook"

[functions.far]
endpoint = "{server.url}"
function = "{there}"
"""
    own = new_server(config=double.config() + mapped).start()
    for name, wanted in {"near": "from a folder", "web": "from elsewhere", "far": "from another server"}.items():
        made = agent(own, {"g": (f"arn:aws:lambda:us-east-1:123456789012:function:{name}", schema("f"))})
        model.will(call("g__f"), say("ok"))
        turn = made.ask("go")
        assert turn.error is None and turn.observed() == [wanted], (name, turn.error)
    (path, headers, event), = seen
    assert path == "/hook" and headers["Idempotency-Key"] and event["function"] == "f"
    assert own.functions.invoke(FunctionName="far", InvocationType="DryRun")["StatusCode"] == 204
