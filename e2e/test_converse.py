"""bedrock-runtime's Converse and ConverseStream, as boto3 sees them."""

import json
import socket
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from support.double import CUT, Gate, call, calls, fail, say

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"


def spec(name="book_room", **properties):
    properties = {key: {"type": kind} for key, kind in properties.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"toolSpec": {"name": name, "description": f"{name.replace('_', ' ').capitalize()}.", "inputSchema": {"json": schema}}}


def user(*blocks):
    return {"role": "user", "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def assistant(*blocks):
    return {**user(*blocks), "role": "assistant"}


def use(number, name="look", **arguments):
    return {"toolUse": {"toolUseId": f"t{number}", "name": name, "input": arguments}}


def result(number, text="done", **more):
    return {"toolResult": {"toolUseId": f"t{number}", "content": [{"text": text}], **more}}


@pytest.fixture
def runtime(server):
    return server.client("bedrock-runtime")


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A server without any configuration: the planner answers."""
    from support.server import Server

    server = Server(tmp_path_factory.mktemp("offline"), "dev", config="").start()
    yield server.client("bedrock-runtime")
    server.stop()


def events(answer):
    """(name, event) of a ConverseStream."""
    return [next(iter(event.items())) for event in answer["stream"]]


def test_the_planner_uses_a_tool_and_says_what_came_of_it(offline):
    tools = {"tools": [spec("book_room", room="string", nights="integer")]}
    messages = [user("Please book the room Alcove for 3 nights.")]
    first = offline.converse(modelId="builtin/planner", messages=messages, toolConfig=tools)
    assert first["stopReason"] == "tool_use"
    (tool,) = [block["toolUse"] for block in first["output"]["message"]["content"]]
    assert tool["name"] == "book_room"
    assert tool["input"] == {"room": "Alcove", "nights": 3}
    messages += [first["output"]["message"], user({"toolResult": {"toolUseId": tool["toolUseId"], "content": [{"json": {"number": "B-17"}}]}})]
    second = offline.converse(modelId="builtin/planner", messages=messages, toolConfig=tools)
    assert second["stopReason"] == "end_turn"
    (said,) = second["output"]["message"]["content"]
    assert "B-17" in said["text"] and "<answer>" not in said["text"]
    assert second["metrics"]["latencyMs"] >= 0


def test_the_planner_streams_a_tool_with_its_arguments(offline):
    tools = {"tools": [spec("book_room", room="string", nights="integer")]}
    seen = events(offline.converse_stream(modelId="builtin/planner", messages=[user("Book the room Alcove for 3 nights.")], toolConfig=tools))
    names = [name for name, _ in seen]
    assert (names[0], names[-2:]) == ("messageStart", ["messageStop", "metadata"])
    (start,) = [event["start"]["toolUse"] for name, event in seen if name == "contentBlockStart"]
    assert start["name"] == "book_room"
    arguments = "".join(event["delta"]["toolUse"]["input"] for name, event in seen if name == "contentBlockDelta" and "toolUse" in event["delta"])
    assert arguments.replace(" ", "") in ('{"room":"Alcove","nights":3}', '{"nights":3,"room":"Alcove"}')


def test_everything_reaches_the_model(runtime, model):
    model.will(say("Hello.", usage=(21, 5)))
    answer = runtime.converse(
        modelId=MODEL,
        system=[{"text": "Be brief."}],
        messages=[user("Hi"), assistant(use(1, "look", room="A")), user(result(1, "free"), "And now?")],
        inferenceConfig={"maxTokens": 50, "temperature": 0.7, "topP": 0.9, "stopSequences": ["END"]},
        toolConfig={"tools": [spec("look", room="string")], "toolChoice": {"any": {}}},
    )
    (asked,) = model.requests
    assert (asked["max_tokens"], asked["temperature"], asked["top_p"], asked["stop"]) == (50, 0.7, 0.9, ["END"])
    assert asked["tool_choice"] == "required"
    assert asked["tools"][0]["function"]["name"] == "look"
    assert [one["role"] for one in asked["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert answer["output"]["message"] == assistant("Hello.")
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {"inputTokens": 21, "outputTokens": 5, "totalTokens": 26}
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"


def test_a_stream_comes_as_the_model_speaks(runtime, model):
    gate = Gate()
    model.will(say("The first half, ", gate, "the second half.", usage=(9, 4)))
    stream = iter(runtime.converse_stream(modelId=MODEL, messages=[user("Tell me.")])["stream"])
    assert next(stream) == {"messageStart": {"role": "assistant"}}
    assert next(stream) == {"contentBlockDelta": {"delta": {"text": "The first half, "}, "contentBlockIndex": 0}}
    gate.reached()
    gate.open()
    rest = list(stream)
    assert rest[:3] == [
        {"contentBlockDelta": {"delta": {"text": "the second half."}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
    ]
    assert rest[3]["metadata"]["usage"] == {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13}
    assert rest[3]["metadata"]["metrics"]["latencyMs"] >= 0
    assert len(rest) == 4


def test_thoughts_text_and_two_tools_are_blocks_in_order(runtime, model):
    model.will(calls(("look", {"room": "A"}), ("look", {"room": "B"}), text="Let me see.", thinking="Two rooms."))
    seen = events(runtime.converse_stream(modelId=MODEL, messages=[user("Look at A and B.")], toolConfig={"tools": [spec("look", room="string")]}))
    blocks = {}
    for name, event in seen:
        if name == "contentBlockStart":
            blocks.setdefault(event["contentBlockIndex"], []).append(event["start"]["toolUse"]["name"])
        elif name == "contentBlockDelta":
            delta = event["delta"]
            text = delta.get("text") or delta.get("reasoningContent", {}).get("text") or delta.get("toolUse", {}).get("input")
            blocks.setdefault(event["contentBlockIndex"], []).append(text)
    assert [block[0] for _, block in sorted(blocks.items())] == ["Two rooms.", "Let me see.", "look", "look"]
    assert ["".join(block[1:]).replace(" ", "") for _, block in sorted(blocks.items())][2:] == ['{"room":"A"}', '{"room":"B"}']
    stops = [event["contentBlockIndex"] for name, event in seen if name == "contentBlockStop"]
    assert stops == [0, 1, 2, 3]
    assert dict(seen)["messageStop"]["stopReason"] == "tool_use"


TOOLS = {"tools": [spec("look", room="string")]}


@pytest.mark.parametrize(
    ("messages", "more", "text"),
    [
        ([assistant("Hi")], {}, "A conversation must start with a user message."),
        ([user("Hi"), user("again")], {}, "A conversation must alternate between user and assistant roles."),
        ([user(" ")], {}, "The text field in the ContentBlock object at messages.0.content.0 is blank."),
        ([user()], {}, "The content field in the Message object at messages.0 is empty."),
        ([user("Hi"), assistant(use(1)), user(result(1))], {}, "The toolConfig field must be defined when using toolUse and toolResult content blocks."),
        ([user("Hi"), assistant(use(1)), user("and?")], {"toolConfig": TOOLS}, "Expected toolResult blocks at messages.2.content for the following Ids: t1"),
        ([user("Hi"), assistant(use(1)), user(result(2))], {"toolConfig": TOOLS}, "Expected toolResult blocks at messages.2.content for the following Ids: t1"),
        ([user("Hi"), assistant("Ho"), user(result(2))], {"toolConfig": TOOLS}, "exceeds the number of toolUse blocks of previous turn"),
        ([user("Hi"), assistant(use(1)), user(result(1), result(1))], {"toolConfig": TOOLS}, "messages.2.content contain duplicate Ids: t1"),
        ([user("Hi")], {"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "other"}}}}, 'The tool "other" of toolConfig.toolChoice'),
        ([user("Hi")], {"guardrailConfig": {"guardrailIdentifier": "abcdef", "guardrailVersion": "1"}}, "guardrailConfig is not supported"),
        ([user("Hi")], {"promptVariables": {"a": {"text": "b"}}}, "promptVariables is not supported"),
        ([user("Hi")], {"system": [{"text": " "}]}, "The text field in the SystemContentBlock object at system.0 is blank."),
    ],
)
def test_what_is_wrong_with_a_conversation_is_said(runtime, messages, more, text):
    for ask in (runtime.converse, runtime.converse_stream):
        with pytest.raises(ClientError) as error:
            ask(modelId=MODEL, messages=messages, **more)
        assert error.value.response["Error"]["Code"] == "ValidationException"
        assert text in error.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("status", "code", "sent"),
    [(429, "ThrottlingException", 429), (400, "ValidationException", 400), (403, "AccessDeniedException", 403), (404, "ResourceNotFoundException", 404)],
)
def test_a_providers_failure_is_an_exception_of_bedrock(runtime, model, status, code, sent):
    for ask in (runtime.converse, runtime.converse_stream):
        model.always(lambda _, status=status: fail(status, **{"retry-after": "0"}))
        with pytest.raises(ClientError) as error:
            ask(modelId=MODEL, messages=[user("Hi")])
        assert error.value.response["Error"]["Code"] == code
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == sent


def test_a_stream_that_is_cut_ends_with_an_exception(runtime, model):
    model.will(say("The first half, ", CUT))
    stream = runtime.converse_stream(modelId=MODEL, messages=[user("Hi")])["stream"]
    seen = []
    with pytest.raises(Exception, match="(?i)modelStreamErrorException|serviceUnavailableException"):
        for event in stream:
            seen.append(event)
    assert seen[1]["contentBlockDelta"]["delta"]["text"] == "The first half, "


@pytest.mark.parametrize(
    "model_id",
    [
        "anthropic.claude-3-haiku-20240307-v1:0",
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "ollama/qwen3:8b",
    ],
)
def test_model_ids_of_every_form_are_routed(runtime, model, model_id):
    model.will(say("Yes."))
    assert runtime.converse(modelId=model_id, messages=[user("Hi")])["output"]["message"] == assistant("Yes.")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_client_that_leaves_ends_the_call(new_server, streaming):
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.settimeout(20)
        address = "http://127.0.0.1:%d/v1" % provider.getsockname()[1]
        config = f'[providers.slow]\nkind = "openai"\nbase_url = "{address}"\n[[route]]\nmodel = "*"\nto = ["slow/m"]\n'
        server = new_server("serve", config=config).start()
        body = json.dumps({"messages": [user("Hi")]}).encode()
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            verb = "converse-stream" if streaming else "converse"
            head = f"POST /model/any/{verb} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            call, _ = provider.accept()
            call.settimeout(20)
            seen = b""
            while b'"Hi"' not in seen:
                seen += call.recv(65536)
            if streaming:
                delta = json.dumps({"choices": [{"index": 0, "delta": {"content": "The first half, "}}]})
                call.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {delta}\n\n".encode())
                client.settimeout(20)
                told = b""
                while b"first half" not in told:
                    told += client.recv(65536)
        rest = call.recv(65536)
        while rest and b"}" in rest:
            rest = call.recv(65536)
        assert rest == b"", "the call to the provider goes on although nobody wants its answer"
        call.close()


def test_an_api_key_opens_the_models_and_nothing_else(new_server, double, model):
    config = double.config() + '\n[keys.api]\nbearer_env = "API_KEY"\n[keys.team]\naccess_key = "AKIDTEAM"\nsecret_env = "TEAM_SECRET"\n'
    secrets = {"API_KEY": "bedrock-api-key-0123456789", "TEAM_SECRET": "0123456789012345678901234567890123456789"}
    server = new_server("serve", config=config, variables=secrets).start()

    def ask(method, path, body=None, key=secrets["API_KEY"]):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        request = urllib.request.Request(server.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read()), None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read()), error.headers["x-amzn-errortype"]

    model.will(say("Yes."))
    converse = f"/model/{MODEL}/converse"
    status, answer, _ = ask("POST", converse, {"messages": [user("Hi")]})
    assert (status, answer["output"]["message"]) == (200, assistant("Yes."))
    assert ask("GET", "/foundation-models")[0] == 200
    for method, path, body, key in [
        ("POST", converse, {"messages": [user("Hi")]}, "bedrock-api-key-9999999999"),
        ("POST", converse, {"messages": [user("Hi")]}, ""),
        ("POST", "/agents/", {}, secrets["API_KEY"]),
        ("GET", "/2015-03-31/functions", None, secrets["API_KEY"]),
        ("POST", "/?Action=ListRoles", {}, secrets["API_KEY"]),
    ]:
        status, answer, code = ask(method, path, body, key)
        assert (status, code) == (403, "AccessDeniedException"), (path, answer)
        assert secrets["API_KEY"] not in json.dumps(answer)
