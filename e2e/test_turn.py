"""Turns as boto3 sees them: tools, sessions, attributes, confirmation, return of control, failures, the trace."""

import base64
import json
import re

import pytest

from support.agents import INSTRUCTION, MODEL, add_group, agent, alias_arn, function, refused, schema, unique
from support.double import call, calls, fail, say
from support.ledger import BOOK
from support.raw import invoke
from support.server import ACCOUNT, REGION

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NANOS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")

# AWS's words.
FAILED = "Received failed response from API execution. Retry the request later."
MALFORMED = "The server encountered an error processing the Lambda response. Check the Lambda response and retry the request"
MODEL_FAILED = "Dependency resource: received model timeout/error exception from Bedrock. Try the request again."
DENIED = "Access denied when calling Bedrock. Check your request permissions and retry the request."
THROTTLED = (
    "Your request rate is too high. Reduce the frequency of requests. "
    "Check your Bedrock model invocation quotas to find the acceptable frequency."
)


@pytest.fixture
def rooms(server, ledger):
    """An agent with the functions look(room) and book(room, nights), which write the ledger."""
    arn = function(server, BOOK, ledger.variables())
    return agent(server, {"rooms": (arn, schema("look", "book", room="string", nights="integer?"))})


def last(model):
    """The messages of the last model call, without the system prompt."""
    return [one for one in model.requests[-1]["messages"] if one["role"] != "system"]


def results(model):
    """What tools gave, as the model saw it last."""
    return [one["content"] for one in last(model) if one["role"] == "tool"]


# --- Answers and tools


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


# --- Confirmation


@pytest.fixture
def careful(server, ledger):
    arn = function(server, BOOK, ledger.variables())
    return agent(server, {"rooms": (arn, schema("look", "book", confirm=["book"], room="string"))})


def test_confirmed_actions_run(careful, model, ledger):
    model.will(call("rooms__book", {"room": "blue"}, text="I book it."), say("Booked."))
    asked = careful.ask("book blue")
    assert asked.kinds == ["modelInvocationInput", "modelInvocationOutput", "rationale", "invocationInput", "returnControl"]
    assert asked.control == {
        "invocationId": asked.control["invocationId"],
        "invocationInputs": [
            {
                "functionInvocationInput": {
                    "actionGroup": "rooms",
                    "function": "book",
                    "parameters": [{"name": "room", "type": "string", "value": "blue"}],
                    "actionInvocationType": "USER_CONFIRMATION",
                    "agentId": careful.id,
                }
            }
        ],
    }
    assert re.fullmatch(UUID, asked.control["invocationId"])
    assert ledger.lines() == []
    turn = careful.confirm(asked.control, "CONFIRM")
    assert turn.answer == "Booked."
    assert turn.kinds[:2] == ["invocationInput", "observation ACTION_GROUP"] and turn.kinds[-2:] == ["observation FINISH", "chunk"]
    assert [line["function"] for line in ledger.lines()] == ["book"]


def test_denied_actions_do_not_run(careful, model, ledger):
    model.will(call("rooms__book", {"room": "blue"}), say("As you like."))
    asked = careful.ask("book blue")
    assert careful.confirm(asked.control, "DENY").answer == "As you like."
    assert "declined" in results(model)[0]
    assert ledger.lines() == []


def test_a_confirmation_is_not_spent_twice(careful, model, ledger):
    model.will(call("rooms__book", {"room": "blue"}), say("Booked."))
    asked = careful.ask("book blue")
    careful.confirm(asked.control, "CONFIRM")
    with pytest.raises(careful.server.runtime.exceptions.ValidationException):
        careful.confirm(asked.control, "CONFIRM")
    assert len(ledger.lines()) == 1


def test_others_run_before_the_question(careful, model, ledger):
    model.will(calls(("rooms__book", {"room": "blue"}), ("rooms__look", {"room": "red"})), say("Both done."))
    asked = careful.ask("book blue, look at red")
    assert [line["function"] for line in ledger.lines()] == ["look"]
    assert asked.kinds[-1] == "returnControl" and "chunk" not in asked.kinds
    assert careful.confirm(asked.control, "CONFIRM").answer == "Both done."
    assert [line["function"] for line in ledger.lines()] == ["look", "book"]
    assert results(model) == ['book {"room": "blue"}', 'look {"room": "red"}'], "results stand in the order of the calls"


def test_a_confirmation_needs_a_state(careful, model):
    model.will(call("rooms__book", {"room": "blue"}), say("ok"))
    asked = careful.ask("book blue")
    with pytest.raises(careful.server.runtime.exceptions.ValidationException) as caught:
        careful.reply(asked.control, [{"actionGroup": "rooms", "function": "book"}])
    assert "confirmationState" in str(caught.value)
    assert careful.confirm(asked.control, "DENY").answer == "ok"


# --- Return of control


@pytest.fixture
def remote(server):
    return agent(server, {"desk": ("RETURN_CONTROL", schema("ring", "write", bell="string?"))})


def body(text, key="TEXT"):
    return {"responseBody": {key: {"body": text}}}


def test_control_comes_back(remote, model):
    model.will(call("desk__ring", {"bell": "front"}), say("They come."))
    asked = remote.ask("ring")
    assert asked.kinds[-2:] == ["invocationInput", "returnControl"]
    traced = asked.of("invocationInput")[0]["actionGroupInvocationInput"]
    assert (traced["executionType"], traced["invocationId"]) == ("RETURN_CONTROL", asked.control["invocationId"])
    assert asked.control["invocationInputs"][0]["functionInvocationInput"]["actionInvocationType"] == "RESULT"
    turn = remote.reply(asked.control, [{"actionGroup": "desk", "function": "ring", **body("rung")}], text="this text is ignored")
    assert turn.answer == "They come." and results(model) == ["rung"]
    assert turn.observed() == ["rung"]
    assert turn.traces[-1][1]["traceId"].startswith(turn.request_id), "traces carry the id of the request that they belong to"


def test_two_calls_come_back_together(remote, model):
    model.will(calls(("desk__ring", {"bell": "a"}), ("desk__ring", {"bell": "b"})), say("Both."))
    asked = remote.ask("ring both")
    wanted = [one["functionInvocationInput"] for one in asked.control["invocationInputs"]]
    assert [one["parameters"][0]["value"] for one in wanted] == ["a", "b"]
    results_sent = [{"actionGroup": "desk", "function": "ring", **body(text)} for text in ("A", "B")]
    with pytest.raises(remote.server.runtime.exceptions.ValidationException):
        remote.reply(asked.control, results_sent[:1])
    assert remote.reply(asked.control, results_sent).answer == "Both."
    assert results(model) == ["A", "B"]


def test_results_under_another_content_type(remote, model):
    model.will(call("desk__ring"), say("ok"))
    asked = remote.ask("ring")
    assert remote.reply(asked.control, [{"actionGroup": "desk", "function": "ring", **body("{}", "application/json")}]).answer == "ok"


def test_a_wrong_invocation_id(remote, model):
    model.will(call("desk__ring"), say("ok"))
    asked = remote.ask("ring")
    result = [{"actionGroup": "desk", "function": "ring", **body("x")}]
    with pytest.raises(remote.server.runtime.exceptions.ValidationException) as caught:
        remote.reply({"invocationId": "not-it"}, result)
    assert "invocationId" in str(caught.value)
    with pytest.raises(remote.server.runtime.exceptions.ValidationException):
        remote.reply(asked.control, [{"actionGroup": "desk", "function": "write", **body("x")}])
    assert remote.reply(asked.control, result).answer == "ok"


def test_plain_text_gives_the_question_up(remote, model):
    model.will(call("desk__ring"), say("Fine, no bell."), say("bye"))
    asked = remote.ask("ring")
    turn = remote.ask("never mind")
    assert turn.answer == "Fine, no bell."
    seen = last(model)
    assert [one["role"] for one in seen] == ["user", "assistant", "tool", "user"] and seen[-1]["content"] == "never mind"
    with pytest.raises(remote.server.runtime.exceptions.ValidationException):
        remote.reply(asked.control, [{"actionGroup": "desk", "function": "ring", **body("late")}])
    assert remote.ask("still there?").answer == "bye"


def test_a_failed_result_fails_the_turn(remote, model):
    model.will(call("desk__ring"), say("after"))
    asked = remote.ask("ring")
    turn = remote.reply(asked.control, [{"actionGroup": "desk", "function": "ring", "responseState": "FAILURE", **body("broken")}])
    assert turn.error.response["Error"]["Code"] == "dependencyFailedException"
    assert turn.error.response["Error"]["Message"].startswith(FAILED)
    assert remote.ask("and now?").answer == "after"


def test_reprompt_goes_to_the_model(remote, model):
    model.will(call("desk__ring"), say("corrected"))
    asked = remote.ask("ring")
    turn = remote.reply(asked.control, [{"actionGroup": "desk", "function": "ring", "responseState": "REPROMPT", **body("which bell?")}])
    assert turn.answer == "corrected" and results(model) == ["which bell?"]


def test_confirmation_and_result(server, model):
    made = agent(server, {"desk": ("RETURN_CONTROL", schema("ring", confirm=["ring"]))})
    model.will(call("desk__ring"), say("rung"))
    asked = made.ask("ring")
    assert asked.control["invocationInputs"][0]["functionInvocationInput"]["actionInvocationType"] == "USER_CONFIRMATION_AND_RESULT"
    turn = made.reply(asked.control, [{"actionGroup": "desk", "function": "ring", "confirmationState": "CONFIRM", **body("ding")}])
    assert turn.answer == "rung" and results(model) == ["ding"]


# --- Failures

HANDLERS = {
    "raises": ("def handler(event, context):\n    raise ValueError('no rooms')", FAILED, "no rooms"),
    "exits": ("def handler(event, context):\n    os._exit(3)", FAILED, ""),
    "says FAILURE": ("def handler(event, context):\n    return answer(event, 'broken', responseState='FAILURE')", FAILED, "broken"),
    "no envelope": ("def handler(event, context):\n    return {'ok': True}", MALFORMED, "response"),
    "no object": ("def handler(event, context):\n    return 'ok'", MALFORMED, ""),
    "nothing": ("def handler(event, context):\n    return None", MALFORMED, ""),
    "body no text": ("def handler(event, context):\n    return answer(event, {'a': 1})", MALFORMED, "body"),
    "odd state": ("def handler(event, context):\n    return answer(event, 'x', responseState='MAYBE')", MALFORMED, "MAYBE"),
    "does not load": ("import nothing_of_this_name\ndef handler(event, context):\n    pass", FAILED, "nothing_of_this_name"),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_that_fails_fails_the_turn(server, model, name):
    source, message, detail = HANDLERS[name]
    made = agent(server, {"g": (function(server, source), schema("f"))})
    model.will(call("g__f"), say("after"))
    turn = made.ask("go")
    error = turn.error.response["Error"]
    assert error["Code"] == "dependencyFailedException"
    assert error["Message"].startswith(message) and detail in error["Message"]
    assert "chunk" not in turn.kinds and turn.kinds[-1] == "failureTrace"
    assert turn.of("failureTrace")[0]["failureReason"].startswith(message)
    assert made.ask("and now?").answer == "after", "the session goes on"


def test_a_function_that_takes_too_long_fails_the_turn(server, model):
    arn = function(server, "def handler(event, context):\n    time.sleep(60)", Timeout=1)
    made = agent(server, {"g": (arn, schema("f"))})
    model.will(call("g__f"))
    error = made.ask("go").error.response["Error"]
    assert error["Code"] == "dependencyFailedException" and error["Message"].startswith(FAILED)


def test_a_function_that_is_not_there_fails_the_turn(server, model):
    made = agent(server, {"g": (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody", schema("f"))})
    model.will(call("g__f"))
    error = made.ask("go").error.response["Error"]
    assert error["Code"] == "dependencyFailedException" and error["Message"].startswith(FAILED)
    assert "nobody" in error["Message"]


def test_reprompt_of_a_function(server, model):
    arn = function(server, "def handler(event, context):\n    return answer(event, 'which one?', responseState='REPROMPT')")
    made = agent(server, {"g": (arn, schema("f"))})
    model.will(call("g__f"), say("I ask."))
    turn = made.ask("go")
    assert turn.answer == "I ask." and results(model) == ["which one?"]


def test_a_response_without_message_version(server, model):
    arn = function(server, "def handler(event, context):\n    return {'response': answer(event, 'fine')['response']}")
    made = agent(server, {"g": (arn, schema("f"))})
    model.will(call("g__f"), say("ok"))
    assert made.ask("go").answer == "ok" and results(model) == ["fine"]


@pytest.mark.parametrize(
    ("replies", "code", "message"),
    [
        ([fail(500)] * 3, "dependencyFailedException", MODEL_FAILED),
        ([fail(429)] * 3, "throttlingException", THROTTLED),
        ([fail(401)], "accessDeniedException", DENIED),
        ([fail(400)], "validationException", ""),
    ],
    ids=["500", "429", "401", "400"],
)
def test_a_model_that_fails_fails_the_turn(server, rooms, model, replies, code, message):
    model.will(*replies)
    turn = rooms.ask("hello")
    error = turn.error.response["Error"]
    assert error["Code"] == code and error["Message"].startswith(message)
    assert turn.kinds[-1] == "failureTrace"
    model.will(say("better"))
    assert rooms.ask("again").answer == "better"


def test_a_model_error_is_tried_again(rooms, model):
    model.will(fail(500), fail(429, **{"retry-after": "0"}), say("third time"))
    assert rooms.ask("hello").answer == "third time"


def test_strict_errors_are_the_services_own_words(new_server, model):
    server = new_server("serve", "--strict").start()
    for source, message in [("def handler(event, context):\n    raise ValueError('x')", FAILED), ("def handler(e, c):\n    return {}", MALFORMED)]:
        made = agent(server, {"g": (function(server, source), schema("f"))})
        model.will(call("g__f"))
        assert made.ask("go").error.response["Error"]["Message"] == message
    made = agent(server)
    made.publish("live")
    code, _, _ = refused(server.runtime.invoke_agent, agentId=made.id, agentAliasId="live", sessionId="some", inputText="hi")
    assert code == "ResourceNotFoundException", "names do not stand for aliases"


def test_a_stuck_agent_stops(rooms, model):
    model.will(*[call("rooms__look", {"room": "blue"})] * 25)
    turn = rooms.ask("look for ever")
    assert turn.error.response["Error"]["Code"] == "dependencyFailedException"
    assert len(model.requests) == 25 and turn.kinds[-1] == "failureTrace"
    model.will(say("free again"))
    assert rooms.ask("stop").answer == "free again"


# --- The trace

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


def test_turns_of_one_session_wait_for_each_other(server, rooms, model):
    """Two requests at once: both are answered, one after the other, and the second sees the first."""
    import concurrent.futures

    model.will(say("one"), say("two"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        turns = list(pool.map(lambda text: rooms.ask(text), ["first", "second"]))
    assert sorted(turn.answer for turn in turns) == ["one", "two"]
    assert len(last(model)) == 3
