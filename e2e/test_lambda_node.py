"""Functions in JavaScript: as zips through boto3, and as a folder of a template that is edited while it runs."""

import io
import json
import shutil
import zipfile

import pytest

from support.agents import ROLE, agent, schema, unique
from support.double import call, say
from support.wait import until

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")

TOOL = """
export const handler = async (event, context) => {
  console.log("look", event.function);
  if (event.function === "fail") throw new RangeError("no such court");
  const value = Object.fromEntries(event.parameters.map((one) => [one.name, one.value]));
  const body = JSON.stringify({ value, key: typeof context.clientContext.custom.idempotencyKey });
  const functionResponse = { responseBody: { TEXT: { body } } };
  return { messageVersion: "1.0", response: { actionGroup: event.actionGroup, function: event.function, functionResponse } };
};
"""


def package(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def create(server, zip, **more):
    sent = {"Runtime": "nodejs20.x", "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": zip}, "Timeout": 30}
    return server.functions.create_function(**{"FunctionName": unique("node"), **sent, **more})


def invoke(server, name, event=None):
    answer = server.functions.invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer


def test_a_tool_in_javascript(server, model):
    arn = create(server, package(index__mjs=TOOL))["FunctionArn"]
    made = agent(server, {"g": (arn, schema("look", "fail", court="string"))})
    model.will(call("g__look", {"court": "grass"}), say("ok"))
    turn = made.ask("go")
    assert turn.error is None, turn.error
    assert [json.loads(text) for text in turn.observed()] == [{"value": {"court": "grass"}, "key": "string"}]
    model.will(call("g__fail", {"court": "grass"}))
    turn = made.ask("again")
    assert turn.error is not None and "RangeError" in server.log()


def test_errors_look_as_on_aws(server):
    code = "exports.handler = async () => { throw Object.assign(new Error('taken'), { name: 'CourtTaken' }); };"
    got, answer = invoke(server, create(server, package(index__js=code))["FunctionArn"])
    assert answer["FunctionError"] == "Unhandled"
    assert (got["errorType"], got["errorMessage"]) == ("CourtTaken", "taken")
    assert got["trace"][0].endswith(": taken") and "index.js:1" in got["trace"][1]


def test_it_is_isolated_and_calls_back(server):
    code = """
    const fs = require("node:fs");
    exports.handler = async (event) => {
      const look = (path) => { try { return fs.readdirSync(path); } catch (error) { return error.code; } };
      const answer = await fetch(process.env.AWS_ENDPOINT_URL + "/healthz");
      return { state: look(event.state), status: answer.status };
    };
    """
    got, _ = invoke(server, create(server, package(index__js=code))["FunctionArn"], {"state": str(server.state)})
    assert got["status"] == 200
    if "functions do not see the state folder" in server.log():
        assert got["state"] in ("ENOENT", ["functions"]), got


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Look:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: look
      Runtime: nodejs22.x
      Handler: app.handler
      CodeUri: src/
      Timeout: 30
"""


def test_a_folder_is_reloaded(new_server):
    own = new_server("dev", "template.yaml")
    (own.folder / "src").mkdir()
    (own.folder / "src/app.js").write_text("exports.handler = async () => 'before';")
    (own.folder / "template.yaml").write_text(TEMPLATE)
    own.start()
    assert invoke(own, "look")[0] == "before"
    (own.folder / "src/app.js").write_text("exports.handler = async () => 'after';")
    until(lambda: invoke(own, "look")[0] == "after", "the edited handler")


def test_a_folder_of_the_configuration_is_reloaded(new_server, double):
    own = new_server("dev", config=double.config() + '[functions.look]\ncode = "src"\nruntime = "nodejs20.x"\nhandler = "app.handler"\n')
    (own.folder / "src").mkdir()
    (own.folder / "src/app.js").write_text("exports.handler = async () => 'before';")
    own.start()
    assert invoke(own, "look")[0] == "before"
    (own.folder / "src/app.js").write_text("exports.handler = async () => 'after';")
    until(lambda: invoke(own, "look")[0] == "after", "the edited handler")


def test_without_node_it_is_said_what_to_install(new_server, tmp_path):
    (tmp_path / "none").mkdir()
    own = new_server(variables={"PATH": str(tmp_path / "none")}).start()
    name = create(own, package(index__js=""))["FunctionArn"]
    with pytest.raises(own.functions.exceptions.InvalidRuntimeException, match="install Node.js"):
        invoke(own, name)
    shown = own.run("doctor")
    assert "Node.js" in shown.stdout + shown.stderr


STREAMS = """
const fs = require("node:fs");
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("one ");
  while (!fs.existsSync(event.gate)) await new Promise((resolve) => setTimeout(resolve, 5));
  if (event.fail) throw new RangeError("in the middle");
  stream.write("two");
  stream.end();
});
"""


@pytest.mark.parametrize("fail", [False, True])
def test_an_answer_is_streamed(server, tmp_path, fail):
    name, gate = create(server, package(index__js=STREAMS))["FunctionName"], tmp_path / "gate"
    payload = json.dumps({"gate": str(gate), "fail": fail})
    answer = server.functions.invoke_with_response_stream(FunctionName=name, Payload=payload, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    parts, end = [], None
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            parts.append(event["PayloadChunk"]["Payload"])
            gate.touch()  # not before the first part is here
        else:
            end = event["InvokeComplete"]
    assert b"".join(parts) == (b"one " if fail else b"one two") and "LogResult" in end
    assert end.get("ErrorCode") == ("Unhandled" if fail else None)
    if fail:
        assert json.loads(end["ErrorDetails"])["errorType"] == "RangeError"


def test_a_function_that_does_not_stream_is_one_part(server):
    name = create(server, package(index__js="exports.handler = async (event) => { if (event) throw new Error('no'); return { a: 1 }; };"))["FunctionName"]

    def ask(event):
        return list(server.functions.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event))["EventStream"])

    assert ask(None) == [{"PayloadChunk": {"Payload": b'{"a":1}'}}, {"InvokeComplete": {}}]
    (end,) = ask(1)
    assert end["InvokeComplete"]["ErrorCode"] == "Unhandled"
    with pytest.raises(server.functions.exceptions.ResourceNotFoundException):
        server.functions.invoke_with_response_stream(FunctionName="nobody")
