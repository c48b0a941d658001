"""The trace: frames byte for byte, field sets, order, times."""

import base64
import json
import re

from support.agents import MODEL, alias_arn
from support.double import call, fail, say
from support.raw import invoke

NANOS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


PART = {"agentAliasId", "agentId", "agentVersion", "callerChain", "eventTime", "sessionId", "trace"}
METADATA = {"clientRequestId", "endTime", "startTime", "totalTimeMs"}
FIELDS = {
    "modelInvocationInput": {"foundationModel", "inferenceConfiguration", "text", "traceId", "type"},
    "modelInvocationOutput": {"metadata", "rawResponse", "traceId"},
    "rationale": {"text", "traceId"},
    "invocationInput": {"actionGroupInvocationInput", "invocationType", "traceId"},
}


def sorted_keys(text):
    """Whether all objects of a JSON text have their keys in order."""
    pairs = []
    json.loads(text, object_pairs_hook=lambda items: pairs.append([name for name, _ in items]) or dict(items))
    return all(names == sorted(names) for names in pairs)


def test_frames_byte_for_byte(rooms, model):
    model.will(call("rooms__look", {"room": "bläu"}, text="Schön <b>"), say("Frei – 10 €"))
    headers, frames = invoke(rooms.server, rooms, "frei?", rooms.session)
    request_id = headers["x-amzn-requestid"]
    kinds = []
    for frame, payload in frames:
        assert list(frame.items())[1:] == [(":content-type", "application/json"), (":message-type", "event")]
        assert list(frame)[0] == ":event-type"
        kinds.append(frame[":event-type"])
        text = payload.decode()
        assert sorted_keys(text), text
        assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")), "compact, raw UTF-8"
    assert kinds == ["trace"] * (len(frames) - 1) + ["chunk"]
    assert json.loads(frames[-1][1]) == {"bytes": base64.b64encode("Frei – 10 €".encode()).decode()}

    times = []
    for _, payload in frames[:-1]:
        part = json.loads(payload)
        assert set(part) == PART
        assert (part["agentId"], part["agentAliasId"], part["agentVersion"]) == (rooms.id, "TSTALIASID", "DRAFT")
        assert part["callerChain"] == [{"agentAliasArn": alias_arn(rooms.id, "TSTALIASID")}]
        assert part["sessionId"] == rooms.session
        assert NANOS.fullmatch(part["eventTime"])
        times.append(part["eventTime"])
        ((union, member),) = part["trace"].items()
        assert union == "orchestrationTrace"
        ((name, content),) = member.items()
        if name in FIELDS:
            assert set(content) == FIELDS[name], name
        assert re.fullmatch(re.escape(request_id) + "-[01]", content["traceId"])
        if name == "modelInvocationInput":
            assert content["foundationModel"] == MODEL and content["type"] == "ORCHESTRATION"
            assert set(json.loads(content["text"])) == {"messages", "system"}
            assert content["inferenceConfiguration"] == {
                "__type": "com.amazon.bedrock.agent.common.types#InferenceConfiguration",
                "maximumLength": 2048,
                "stopSequences": ["</invoke>", "</answer>", "</error>"],
                "temperature": 0.0,
                "topK": 250,
                "topP": 1.0,
            }
        if name == "modelInvocationOutput":
            assert set(content["metadata"]) == METADATA | {"usage"}
            assert content["metadata"]["usage"] == {"inputTokens": 11, "outputTokens": 7}
            raw = json.loads(content["rawResponse"]["content"])
            assert "text" in json.dumps(raw["output"]["message"]["content"])
        if name == "invocationInput":
            assert content["invocationType"] == "ACTION_GROUP"
            assert content["actionGroupInvocationInput"] == {
                "actionGroupName": "rooms",
                "executionType": "LAMBDA",
                "function": "look",
                "parameters": [{"name": "room", "type": "string", "value": "bläu"}],
            }
        if name == "observation" and content["type"] == "ACTION_GROUP":
            assert set(content) == {"actionGroupInvocationOutput", "traceId", "type"}
            assert set(content["actionGroupInvocationOutput"]) == {"metadata", "text"}
            assert set(content["actionGroupInvocationOutput"]["metadata"]) == METADATA
        if name == "observation" and content["type"] == "FINISH":
            assert set(content) == {"finalResponse", "traceId", "type"}
            assert set(content["finalResponse"]["metadata"]) == {"endTime", "operationTotalTimeMs", "startTime"}
            assert content["finalResponse"]["text"] == "Frei – 10 €"
        for found in re.findall(r'"(?:startTime|endTime)":"([^"]+)"', payload.decode()):
            assert NANOS.fullmatch(found)
    assert times == sorted(times)


def test_trace_ids_count_model_calls(rooms, model):
    model.will(call("rooms__look", {"room": "a"}), call("rooms__look", {"room": "b"}), say("done"))
    turn = rooms.ask("look twice")
    suffixes = [body["traceId"].removeprefix(turn.request_id) for _, body in turn.traces]
    assert suffixes == ["-0"] * 4 + ["-1"] * 4 + ["-2"] * 3


def test_the_exception_frame(rooms, model):
    model.will(fail(400))
    _, frames = invoke(rooms.server, rooms, "hello", rooms.session)
    frame, payload = frames[-1]
    assert list(frame) == [":exception-type", ":content-type", ":message-type"]
    assert (frame[":exception-type"], frame[":message-type"]) == ("validationException", "exception")
    assert set(json.loads(payload)) == {"message"}
    failure = json.loads(frames[-2][1])["trace"]["failureTrace"]
    assert {"failureReason", "traceId"} <= set(failure)


def test_old_raw_responses_are_read_by_the_samples(rooms, model):
    """AWS's samples read the text of a raw response in the Converse or in the Messages form."""
    model.will(say("plain"))
    raw = json.loads(rooms.ask("hello").of("modelInvocationOutput")[0]["rawResponse"]["content"])
    assert raw["output"]["message"]["content"][0]["text"] == "plain"
