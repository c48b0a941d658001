"""The AWS SDK for JavaScript, unmodified, over HTTP/1.1 and over HTTP/2: only its endpoint is ours."""

import pytest

from support.agents import MODEL, ROLE, agent, function, names, schema, unique
from support.double import CUT, call, calls, last, say
from support.installed import javascript
from support.ledger import BOOK

# What each client takes by itself, and both handlers by name.
HTTP = pytest.mark.parametrize("http", ["default", "1", "2"])
HELLO = [{"role": "user", "content": [{"text": "Hi"}]}]
LOOK = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object", "properties": {"room": {"type": "string"}}}}}}


@pytest.fixture(scope="module")
def node():
    return javascript()


def test_an_agent_from_nothing_to_nothing(node, server, model, ledger):
    arn = function(server, BOOK, ledger.variables())
    model.will(call("rooms__look", {"room": "A"}), say("It is ", "free."))
    wanted = {"name": unique("js"), "model": MODEL, "role": ROLE, "lambda": arn, "functions": schema("look", room="string")}
    got = node(server, "life", **wanted)
    assert got.pop("gone") == {"name": "ResourceNotFoundException", "known": True, "status": 404}
    assert sorted(got.pop("versions")) == ["1", "DRAFT"]
    assert got == {"created": True, "status": ["CREATING", "PREPARING"], "answer": "It is free."}


@HTTP
def test_a_turn_with_its_trace(node, server, model, rooms, http):
    model.will(call("rooms__look", {"room": "A"}, text="Let me look."), say("It is free."))
    place = {"agentId": rooms.id, "agentAliasId": "TSTALIASID", "sessionId": unique("js")}
    got = node(server, "invoke", http, **place, inputText="Is A free?", enableTrace=True)
    assert (got["status"], got["sessionId"]) == (200, place["sessionId"]), got
    assert "error" not in got and got["events"][-1] == {"chunk": "It is free."}
    traces = [event["trace"] for event in got["events"][:-1]]
    assert {one["agentId"] for one in traces} == {rooms.id}
    steps = [one["trace"]["orchestrationTrace"] for one in traces]
    called = [step["invocationInput"]["actionGroupInvocationInput"] for step in steps if "invocationInput" in step]
    assert [(one["function"], one["parameters"][0]["value"]) for one in called] == [("look", "A")]


@HTTP
def test_return_of_control(node, server, model, http):
    desk = agent(server, {"desk": ("RETURN_CONTROL", schema("ring", bell="string"))})
    model.will(calls(("desk__ring", {"bell": "front"}), ("desk__ring", {"bell": "back"})), say("They come."))
    place = {"agentId": desk.id, "agentAliasId": "TSTALIASID", "sessionId": unique("js")}
    asked = node(server, "invoke", http, **place, inputText="Ring.")
    control = asked["events"][-1]["returnControl"]
    wanted = [one["functionInvocationInput"] for one in control["invocationInputs"]]
    assert [one["parameters"][0]["value"] for one in wanted] == ["front", "back"]
    results = [{"functionResult": {**names(one), "responseBody": {"TEXT": {"body": "rung"}}}} for one in wanted]
    state = {"invocationId": control["invocationId"], "returnControlInvocationResults": results}
    assert node(server, "invoke", http, **place, sessionState=state)["events"] == [{"chunk": "They come."}]
    assert [one["content"] for one in last(model) if one["role"] == "tool"] == ["rung", "rung"]


@HTTP
def test_errors_have_their_class(node, server, model, rooms, http):
    place = {"agentId": rooms.id, "agentAliasId": "TSTALIASID", "sessionId": unique("js")}
    got = node(server, "invoke", http, **{**place, "agentId": "AAAAAAAAAA"}, inputText="Hi")
    assert (got["refused"]["name"], got["refused"]["status"]) == ("ResourceNotFoundException", 404)
    model.always(lambda _: say("The first half, ", CUT))
    got = node(server, "invoke", http, **place, inputText="Hi")
    # This SDK looks at a stream's first event before it hands the stream over.
    assert got["refused"]["name"] == "DependencyFailedException", got
    got = node(server, "converseStream", http, modelId=MODEL, messages=HELLO)
    assert got["error"]["name"] in ("ModelStreamErrorException", "ServiceUnavailableException"), got
    assert got["events"][1]["contentBlockDelta"]["delta"]["text"] == "The first half, "


@HTTP
def test_converse(node, server, model, http):
    model.will(call("look", {"room": "A"}, usage=(9, 4)), call("look", {"room": "A"}, text="Let me see."))
    wanted = {"modelId": MODEL, "messages": HELLO, "toolConfig": {"tools": [LOOK]}, "inferenceConfig": {"maxTokens": 20, "temperature": 0}}
    got = node(server, "converse", http, **wanted)
    assert (got["stopReason"], got["usage"]["totalTokens"]) == ("tool_use", 13)
    (block,) = got["output"]["message"]["content"]
    assert (block["toolUse"]["name"], block["toolUse"]["input"]) == ("look", {"room": "A"})
    got = node(server, "converseStream", http, **wanted)
    assert [next(iter(event)) for event in got["events"]][-2:] == ["messageStop", "metadata"]
    deltas = [event["contentBlockDelta"]["delta"] for event in got["events"] if "contentBlockDelta" in event]
    assert "".join(delta.get("text", "") for delta in deltas) == "Let me see."
    assert "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta).replace(" ", "") == '{"room":"A"}'
    assert got["events"][-2] == {"messageStop": {"stopReason": "tool_use"}}


@HTTP
def test_invoke_model(node, server, model, http):
    model.will(say("Hello."), say("Hello ", "again."))
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 20, "messages": [{"role": "user", "content": "Hi"}]}
    got = node(server, "invokeModel", http, modelId=MODEL, body=body)
    assert got["whole"]["content"] == [{"type": "text", "text": "Hello."}]
    texts = [event["delta"]["text"] for event in got["events"] if event["type"] == "content_block_delta"]
    assert "".join(texts) == "Hello again."


@pytest.mark.parametrize("http", ["1", "2"])
def test_many_turns_at_once(node, server, model, http):
    quiet = agent(server)
    model.always(lambda body: say("You said ", body["messages"][-1]["content"], "."))
    place = {"agentId": quiet.id, "agentAliasId": "TSTALIASID", "sessionId": unique("js")}
    assert node(server, "crowd", http, turns=40, **place) == [f"You said number {number}." for number in range(40)]
