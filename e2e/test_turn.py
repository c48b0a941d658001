"""Turns as boto3 sees them: answers, tools, sessions, attributes, versions."""

import concurrent.futures
import json
import re

import pytest

from support.agents import INSTRUCTION, MODEL, add_group, agent, function, refused, schema, unique
from support.double import call, calls, last, results, say
from support.ledger import BOOK

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def test_an_answer_is_one_chunk(rooms, model):
    model.will(say("Which room", " would", " you like?"))
    turn = rooms.ask("hello")
    assert turn.chunks == ["Which room would you like?"]
    assert turn.kinds == ["modelInvocationInput", "modelInvocationOutput", "observation FINISH", "chunk"]
    system = model.requests[0]["messages"][0]
    assert system["role"] == "system" and INSTRUCTION in system["content"]
    assert [tool["function"]["name"] for tool in model.requests[0]["tools"]] == ["rooms__book", "rooms__look"]
    assert not model.requests[0].get("stream")


def test_headers(rooms, model):
    model.will(say("hi"))
    turn = rooms.ask("hello")
    assert turn.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert turn.headers["x-amz-bedrock-agent-session-id"] == rooms.session
    assert turn.headers["x-amzn-bedrock-agent-content-type"] == "application/json"
    assert re.fullmatch(UUID, turn.headers["x-amzn-requestid"])


def test_no_trace_unless_asked(rooms, model):
    model.will(call("rooms__look", {"room": "blue"}), say("done"))
    assert rooms.ask("look", trace=False).kinds == ["chunk"]


def test_one_tool_call(rooms, model, ledger):
    model.will(call("rooms__look", {"room": "blue"}, text="I look first."), say("<thinking>It is free.</thinking><answer>\nIt is free.\n</answer>"))
    turn = rooms.ask("Is the blue room free?")
    assert turn.answer == "It is free."
    assert turn.kinds == [
        "modelInvocationInput",
        "modelInvocationOutput",
        "rationale",
        "invocationInput",
        "observation ACTION_GROUP",
        "modelInvocationInput",
        "modelInvocationOutput",
        "rationale",
        "observation FINISH",
        "chunk",
    ]
    assert [one["text"] for one in turn.of("rationale")] == ["I look first.", "It is free."]
    assert turn.observed() == ['look {"room": "blue"}']
    assert results(model) == ['look {"room": "blue"}']
    (line,) = ledger.lines()
    assert line["event"] == {
        "messageVersion": "1.0",
        "agent": {"name": rooms.name, "id": rooms.id, "alias": "TSTALIASID", "version": "DRAFT"},
        "inputText": "Is the blue room free?",
        "sessionId": rooms.session,
        "actionGroup": "rooms",
        "function": "look",
        "parameters": [{"name": "room", "type": "string", "value": "blue"}],
        "sessionAttributes": {},
        "promptSessionAttributes": {},
    }


def test_parallel_calls_come_in_pairs_and_in_order(rooms, model, ledger):
    model.will(calls(*(("rooms__look", {"room": room}) for room in ("blue", "red", "green"))), say("all free"))
    turn = rooms.ask("look at three")
    assert turn.kinds[2:8] == ["invocationInput", "observation ACTION_GROUP"] * 3
    assert [one["actionGroupInvocationInput"]["parameters"][0]["value"] for one in turn.of("invocationInput")] == ["blue", "red", "green"]
    assert turn.observed() == [f'look {{"room": "{room}"}}' for room in ("blue", "red", "green")]
    assert {body["traceId"] for body in turn.of("invocationInput") + turn.of("observation")[:3]} == {f"{turn.request_id}-0"}
    times = [part["eventTime"] for part in turn.parts[2:8]]
    assert times[0::2] == times[1::2], "a call and its result have one time"
    assert len({line["key"] for line in ledger.lines()}) == 3


def test_values_travel_as_texts(server, model, ledger):
    arn = function(server, BOOK, ledger.variables())
    made = agent(server, {"g": (arn, schema("f", n="number", i="integer", b="boolean", a="array", s="string"))})
    model.will(call("g__f", {"n": 1.5, "i": 10, "b": True, "a": ["x", 2], "s": 7}), say("done"))
    turn = made.ask("go")
    wanted = [("n", "number", "1.5"), ("i", "integer", "10"), ("b", "boolean", "true"), ("a", "array", '["x",2]'), ("s", "string", "7")]
    sent = [{"name": name, "type": kind, "value": value} for name, kind, value in wanted]
    assert turn.of("invocationInput")[0]["actionGroupInvocationInput"]["parameters"] == sent
    assert ledger.lines()[0]["event"]["parameters"] == sent


def test_a_function_without_parameters(server, model, ledger):
    arn = function(server, BOOK, ledger.variables())
    made = agent(server, {"g": (arn, schema("f"))})
    model.will(call("g__f"), say("done"))
    turn = made.ask("go")
    assert "parameters" not in turn.of("invocationInput")[0]["actionGroupInvocationInput"]
    assert ledger.lines()[0]["event"]["parameters"] == []


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (call("rooms__look", {}), "'room' is missing"),
        (call("rooms__look", {"room": "blue", "colour": "blue"}), "'colour' is not a parameter"),
        (call("rooms__look", {"room": "blue", "nights": "many"}), "'nights' must be of type integer"),
        (call("rooms__sing", {}), "no tool named"),
        (call("rooms__look", "not json"), None),
    ],
)
def test_wrong_calls_are_told_to_the_model_and_not_made(rooms, model, ledger, reply, told):
    model.will(reply, say("I see."))
    turn = rooms.ask("go")
    assert turn.answer == "I see." and turn.error is None
    assert ledger.lines() == []
    assert told is None or told in results(model)[0]


def test_two_groups(server, model, ledger):
    arn = function(server, BOOK, ledger.variables())
    made = agent(server, {"rooms": (arn, schema("look", room="string")), "meals": (arn, schema("look", dish="string"))})
    model.will(call("meals__look", {"dish": "soup"}), say("soup it is"))
    turn = made.ask("soup?")
    assert turn.of("invocationInput")[0]["actionGroupInvocationInput"]["actionGroupName"] == "meals"
    assert ledger.lines()[0]["event"]["actionGroup"] == "meals"


# --- Sessions


def test_sessions_remember(rooms, model):
    model.will(call("rooms__look", {"room": "blue"}), say("The blue one is free."), say("Yes, blue."))
    rooms.ask("Which are free?")
    rooms.ask("The blue one?")
    seen = last(model)
    assert [one["role"] for one in seen] == ["user", "assistant", "tool", "assistant", "user"]
    assert seen[0]["content"] == "Which are free?" and seen[3]["content"] == "The blue one is free." and seen[4]["content"] == "The blue one?"


def test_sessions_are_apart(rooms, model):
    model.will(say("one"), say("two"), say("three"))
    rooms.ask("first", session="aa")
    rooms.ask("second", session="bb")
    assert len(last(model)) == 1
    # The alias is part of what names a session.
    rooms.ask("third", session="aa", alias=rooms.publish("live"))
    assert len(last(model)) == 1


def test_an_ended_session_starts_afresh(rooms, model):
    model.will(say("one"), say("two"), say("three"))
    rooms.ask("first", sessionState={"sessionAttributes": {"user": "ann"}})
    rooms.ask("bye", endSession=True)
    rooms.ask("hello again")
    assert [one["content"] for one in last(model)] == ["hello again"]


def test_a_session_can_be_ended_without_a_word(rooms, model):
    model.will(say("one"), say("two"))
    rooms.ask("first")
    turn = rooms.ask(endSession=True)
    assert turn.error is None and turn.answer == ""
    rooms.ask("hello again")
    assert len(last(model)) == 1


def test_session_attributes(server, model, ledger):
    source = """
def handler(event, context):
    note(event, context)
    if event["function"] == "set":
        return {**answer(event, "set"), "sessionAttributes": {"user": "eve"}, "promptSessionAttributes": {"mood": "odd"}}
    return answer(event, "seen")
"""
    arn = function(server, source, ledger.variables())
    made = agent(server, {"g": (arn, schema("see", "set"))})
    model.will(call("g__see"), say("1"), call("g__see"), call("g__set"), call("g__see"), say("2"), call("g__see"), say("3"))
    made.ask("one", sessionState={"sessionAttributes": {"user": "ann", "room": "7"}, "promptSessionAttributes": {"mood": "good"}})
    first = [one["content"] for one in model.requests[0]["messages"]]
    assert any("mood" in text and "good" in text for text in first), "the model sees prompt attributes"
    assert not any("ann" in text for text in first), "the model does not see session attributes"
    made.ask("two", sessionState={"sessionAttributes": {"room": "8"}})
    made.ask("three")
    seen = [(line["event"]["sessionAttributes"], line["event"]["promptSessionAttributes"]) for line in ledger.lines()]
    assert seen == [
        ({"user": "ann", "room": "7"}, {"mood": "good"}),
        ({"user": "ann", "room": "8"}, {}),
        ({"user": "ann", "room": "8"}, {}),
        ({"user": "eve"}, {"mood": "odd"}),
        ({"user": "eve"}, {}),
    ]


def test_empty_text_is_a_turn(rooms, model):
    model.will(say("hm?"))
    assert rooms.ask("").answer == "hm?"


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ({}, "inputText"),
        ({"sessionState": {"invocationId": "x"}}, "returnControlInvocationResults"),
        (
            {"sessionState": {"returnControlInvocationResults": [{"functionResult": {"actionGroup": "g", "function": "f"}}]}},
            "invocationId",
        ),
        (
            {"inputText": "hi", "sessionState": {"knowledgeBaseConfigurations": [{"knowledgeBaseId": "A" * 10, "retrievalConfiguration": {"vectorSearchConfiguration": {}}}]}},
            "You can only provide configurations for up to 0 knowledge bases in the session state. "
            "Reduce the number of configurations and retry your request.",
        ),
    ],
)
def test_requests_that_do_not_go_together(rooms, model, sent, word):
    code, message, status = refused(
        rooms.server.runtime.invoke_agent, agentId=rooms.id, agentAliasId="TSTALIASID", sessionId="some", **sent
    )
    assert (code, status) == ("ValidationException", 400) and word in message


def test_unknown_places(rooms, model):
    missing = "Failed to retrieve resource because it doesn't exist. Retry the request with a different resource identifier"
    for agent_id, alias in [("ZZZZZZZZZZ", "TSTALIASID"), (rooms.id, "ZZZZZZZZZZ")]:
        code, message, status = refused(
            rooms.server.runtime.invoke_agent, agentId=agent_id, agentAliasId=alias, sessionId="some", inputText="hi"
        )
        assert (code, status) == ("ResourceNotFoundException", 404) and message.startswith(missing)


def test_an_unprepared_agent_is_not_invoked(server, model):
    made = server.agents.create_agent(agentName=unique(), foundationModel=MODEL, instruction=INSTRUCTION)["agent"]
    code, _, _ = refused(
        server.runtime.invoke_agent, agentId=made["agentId"], agentAliasId="TSTALIASID", sessionId="some", inputText="hi"
    )
    assert code in ("ValidationException", "ResourceNotFoundException")


def test_names_stand_for_aliases(rooms, model):
    alias = rooms.publish("live")
    model.will(say("by id"), say("by name"))
    rooms.ask("one", alias=alias)
    turn = rooms.ask("two", alias="live")
    assert turn.parts[0]["agentAliasId"] == alias and turn.parts[0]["agentVersion"] == "1"
    assert len(last(model)) == 3, "it is the same session"


def test_a_version_keeps_its_behaviour(server, rooms, model):
    alias = rooms.publish("live")
    agents = server.agents
    agents.update_agent(
        agentId=rooms.id, agentName=rooms.name, foundationModel=MODEL, instruction="You " * 20, agentResourceRoleArn="arn:aws:iam::000000000000:role/x"
    )
    add_group(server, rooms.id, "extra", "RETURN_CONTROL", schema("more"))
    model.will(say("unsaved"), say("old"), say("new"))
    rooms.ask("is not prepared yet")
    assert "extra__more" not in json.dumps(model.requests[-1]["tools"]), "TSTALIASID runs what was prepared last"
    rooms.prepare()
    rooms.ask("still version 1", alias=alias)
    assert INSTRUCTION in model.requests[-1]["messages"][0]["content"]
    assert "extra__more" not in json.dumps(model.requests[-1]["tools"])
    rooms.ask("the new draft")
    assert INSTRUCTION not in model.requests[-1]["messages"][0]["content"]
    assert "extra__more" in json.dumps(model.requests[-1]["tools"])


def test_a_rejecting_alias(server, rooms, model):
    alias = rooms.publish("live")
    server.agents.update_agent_alias(
        agentId=rooms.id,
        agentAliasId=alias,
        agentAliasName="live",
        routingConfiguration=[{"agentVersion": "1"}],
        aliasInvocationState="REJECT_INVOCATIONS",
    )
    code, message, _ = refused(server.runtime.invoke_agent, agentId=rooms.id, agentAliasId=alias, sessionId="some", inputText="hi")
    assert code == "ValidationException" and "live" in message


def test_turns_of_one_session_wait_for_each_other(server, rooms, model):
    """Two requests at once: both are answered, one after the other, and the second sees the first."""
    model.will(say("one"), say("two"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        turns = list(pool.map(lambda text: rooms.ask(text), ["first", "second"]))
    assert sorted(turn.answer for turn in turns) == ["one", "two"]
    assert len(last(model)) == 3
