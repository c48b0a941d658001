"""The part of Lambda that tools need, through boto3."""

import base64
import hashlib
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from support.agents import ROLE, agent, function, refused, schema, unique
from support.double import call, say
from support.ledger import zip_of
from support.server import ACCOUNT, REGION


@pytest.fixture
def functions(server):
    return server.functions


def create(functions, source, **more):
    sent = {"FunctionName": unique("fn"), "Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": zip_of(source)}}
    return functions.create_function(**{**sent, **more})


def invoke(functions, name, event=None, **more):
    """(what the function returned, the error's kind, the answer)."""
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return json.loads(answer["Payload"].read()), answer.get("FunctionError"), answer


def test_a_function_comes_back_as_it_was_sent(functions):
    code = zip_of("def handler(event, context): pass")
    name = unique("fn")
    made = create(
        functions,
        "",
        FunctionName=name,
        Code={"ZipFile": code},
        Description="does nothing",
        Timeout=7,
        MemorySize=256,
        Environment={"Variables": {"WHERE": "here"}},
        Tags={"team": "house"},
    )
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    wanted = {
        "FunctionName": name,
        "FunctionArn": arn,
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Role": ROLE,
        "Description": "does nothing",
        "Timeout": 7,
        "MemorySize": 256,
        "Environment": {"Variables": {"WHERE": "here"}},
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "Version": "$LATEST",
    }
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert {key: made[key] for key in wanted} == wanted
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    got = functions.get_function(FunctionName=arn)
    assert {key: got["Configuration"][key] for key in wanted} == wanted and got["Tags"] == {"team": "house"}
    assert name in [one["FunctionName"] for page in functions.get_paginator("list_functions").paginate() for one in page["Functions"]]
    functions.delete_function(FunctionName=name)
    code, message, status = refused(functions.get_function, FunctionName=name)
    assert (code, message, status) == ("ResourceNotFoundException", f"Function not found: {arn}", 404)


def test_names_are_taken_once(functions):
    name = create(functions, "")["FunctionName"]
    assert refused(create, functions=functions, source="", FunctionName=name) == ("ResourceConflictException", f"Function already exist: {name}", 409)


def test_invoke(functions):
    name = create(functions, "def handler(event, context):\n    return {'got': event, 'name': context.function_name}")["FunctionName"]
    got, error, answer = invoke(functions, name, {"ü": [1, 2.5, None]})
    assert (got, error) == ({"got": {"ü": [1, 2.5, None]}, "name": name}, None)
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    dry = functions.invoke(FunctionName=name, InvocationType="DryRun")
    assert dry["StatusCode"] == 204


def test_the_context(functions):
    source = """
def handler(event, context):
    return {
        "id": context.aws_request_id, "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(), "custom": context.client_context.custom, "env": context.client_context.env,
    }
"""
    made = create(functions, source, Timeout=9)
    given = base64.b64encode(json.dumps({"custom": {"a": "b"}, "env": {"c": "d"}}).encode()).decode()
    got, _, answer = invoke(functions, made["FunctionName"], ClientContext=given)
    assert got["id"] == answer["ResponseMetadata"]["RequestId"]
    assert (got["arn"], int(got["memory"])) == (made["FunctionArn"], 128)
    assert 0 < got["left"] <= 9000
    assert (got["custom"], got["env"]) == ({"a": "b"}, {"c": "d"})


def test_only_what_was_given_is_in_the_environment(server, functions, monkeypatch):
    name = create(functions, "import os\ndef handler(event, context):\n    return dict(os.environ)", Environment={"Variables": {"MINE": "yes"}})["FunctionName"]
    got, _, _ = invoke(functions, name)
    assert got["MINE"] == "yes"
    assert got["AWS_LAMBDA_FUNCTION_NAME"] == name and got["AWS_REGION"] == REGION and got["_HANDLER"] == "app.handler"
    assert got["AWS_ENDPOINT_URL"] == server.url
    assert not {key for key in got if key.startswith(("BEDPLATE", "PYTEST", "HOME", "USER"))}


def test_a_handler_may_call_us_back(server, functions):
    source = """
import os, urllib.request
def handler(event, context):
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/healthz") as answer:
        return answer.status
"""
    assert invoke(functions, create(functions, source)["FunctionName"])[0] == 200


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("def handler(event, context):\n    raise ValueError('bad ü')", {"errorType": "ValueError", "errorMessage": "bad ü"}),
        ("def other(event, context):\n    pass", {"errorType": "Runtime.HandlerNotFound"}),
        ("import nothing_of_this_name", {"errorType": "Runtime.ImportModuleError"}),
        ("def handler(event, context)\n    pass", {"errorType": "Runtime.UserCodeSyntaxError"}),
        ("import os\ndef handler(event, context):\n    os._exit(3)", {"errorType": "Runtime.ExitError"}),
        ("def handler(event, context):\n    return object()", {"errorType": "Runtime.MarshalError"}),
    ],
)
def test_errors_are_answers(functions, source, wanted):
    name = create(functions, source)["FunctionName"]
    got, error, answer = invoke(functions, name)
    assert (error, answer["StatusCode"]) == ("Unhandled", 200)
    assert wanted.items() <= got.items(), got


def test_the_stack_shows_the_functions_own_code(functions):
    name = create(functions, "def inner():\n    return 1 / 0\ndef handler(event, context):\n    return inner()")["FunctionName"]
    got, _, _ = invoke(functions, name)
    assert [line.strip().splitlines()[0].split(", ", 1)[1] for line in got["stackTrace"]] == ["line 4, in handler", "line 2, in inner"]


def test_time_is_up(functions):
    source = "import time\ndef handler(event, context):\n    if event:\n        time.sleep(60)\n    return 'fine'"
    name = create(functions, source, Timeout=1)["FunctionName"]
    got, error, _ = invoke(functions, name, True)
    assert error == "Unhandled" and "Task timed out after 1.00 seconds" in got["errorMessage"]
    assert invoke(functions, name, False)[0] == "fine", "it starts again"


def test_a_crash_is_survived(functions):
    source = "import os\ncount = 0\ndef handler(event, context):\n    global count\n    count += 1\n    if event == 'die':\n        os.kill(os.getpid(), 9)\n    return count"
    name = create(functions, source)["FunctionName"]
    assert [invoke(functions, name)[0] for _ in range(2)] == [1, 2], "a process is kept"
    got, error, _ = invoke(functions, name, "die")
    assert (error, got["errorType"]) == ("Unhandled", "Runtime.ExitError") and "signal: killed" in got["errorMessage"]
    assert invoke(functions, name)[0] == 1


def test_the_log_tail(functions):
    source = "import logging\nlogging.getLogger().setLevel('INFO')\ndef handler(event, context):\n    print('printed ü')\n    logging.info('logged')"
    name = create(functions, source)["FunctionName"]
    _, _, answer = invoke(functions, name, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert log.startswith(f"START RequestId: {request_id} Version: $LATEST\n") and "printed ü\n" in log
    assert "[INFO]" in log and "logged" in log and f"END RequestId: {request_id}" in log and "Init Duration" in log
    assert "LogResult" not in invoke(functions, name)[2]


def test_changes_take_effect(functions):
    name = create(functions, "import os\ndef handler(event, context):\n    return 'one ' + os.environ.get('WORD', '-')")["FunctionName"]
    assert invoke(functions, name)[0] == "one -"
    functions.update_function_code(FunctionName=name, ZipFile=zip_of("import os\ndef handler(event, context):\n    return 'two ' + os.environ.get('WORD', '-')"))
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert invoke(functions, name)[0] == "two -"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"WORD": "a"}})
    assert invoke(functions, name)[0] == "two a"


def test_code_in_folders(functions):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("src/tools/main.py", "from src.tools import words\ndef run(event, context):\n    return words.HELLO")
        archive.writestr("src/tools/words.py", "HELLO = 'hello'")
        archive.writestr("src/tools/__init__.py", "")
    name = create(functions, "", Code={"ZipFile": package.getvalue()}, Handler="src.tools.main.run")["FunctionName"]
    assert invoke(functions, name)[0] == "hello"


@pytest.mark.parametrize("entry", ["../evil.py", "/evil.py", "a/../../evil.py"])
def test_zips_stay_in_their_folder(functions, entry):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(entry, "x = 1")
    code, message, status = refused(create, functions=functions, source="", Code={"ZipFile": package.getvalue()})
    assert (code, status) == ("InvalidParameterValueException", 400) and "evil.py" in message


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"Runtime": "cobol74"}, "ValidationException"),
        ({"Runtime": "ruby3.3"}, "InvalidParameterValueException"),
        ({"Code": {"ZipFile": b"not a zip"}}, "InvalidParameterValueException"),
        ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "InvalidParameterValueException"),
        ({"Timeout": 901}, "InvalidParameterValueException"),
        ({"Role": "nobody"}, "ValidationException"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refusals(functions, sent, code):
    got, message, status = refused(create, functions=functions, source="", **sent)
    assert (got, status) == (code, 400), message


def test_unknown_functions(functions):
    name = unique("none")
    message = f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    assert refused(functions.invoke, FunctionName=name) == ("ResourceNotFoundException", message, 404)
    with pytest.raises(ClientError):
        functions.invoke(FunctionName=create(functions, "")["FunctionName"], Payload=b"{not json")


def test_an_agent_names_a_function_of_anywhere(server, model):
    """Whatever account and region an ARN has: it finds the function of this name here."""
    name = unique("fn")
    arn = function(server, "def handler(event, context):\n    return answer(event, 'here')", name=name)
    for executor in (arn, arn + ":$LATEST", f"arn:aws:lambda:eu-west-1:123456789012:function:{name}"):
        made = agent(server, {"g": (executor, schema("f"))})
        model.will(call("g__f"), say("ok"))
        turn = made.ask("go")
        assert turn.error is None and turn.observed() == ["here"], (executor, turn.error)
    made = agent(server, {"g": (arn + ":live", schema("f"))})
    model.will(call("g__f"))
    assert "no version or alias `live`" in made.ask("go").error.response["Error"]["Message"]


def test_calls_run_side_by_side(server, model):
    """Four calls of one reply run side by side: each waits until it sees the others."""
    from support.double import calls

    source = """

def handler(event, context):
    note_here = os.path.join(os.environ["GATES"], arguments(event)["n"])
    open(note_here, "w").close()
    deadline = time.time() + 20
    while len(os.listdir(os.environ["GATES"])) < 4 and time.time() < deadline:
        time.sleep(0.01)
    return answer(event, str(len(os.listdir(os.environ["GATES"]))))
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = agent(server, {"g": (function(server, source, {"GATES": folder}), schema("f", n="string"))})
        model.will(calls(*(("g__f", {"n": str(n)}) for n in range(4))), say("ok"))
        turn = made.ask("go")
        assert turn.observed() == ["4"] * 4, "each saw the others"
