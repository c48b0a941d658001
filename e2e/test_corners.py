"""Turns at their edges: many at once, large, empty, mixed, and what untrusted models and clients send."""

import concurrent.futures
import json

import pytest
from botocore.exceptions import ClientError

from support.agents import agent, function, names, refused, schema
from support.double import Gate, Reply, call, calls, fail, say
from support.ledger import BOOK
from support.raw import request, stream
from support.wait import until


@pytest.fixture
def mixed(server, ledger):
    arn = function(server, BOOK, ledger.variables())
    rooms = schema("look", "pay", confirm=["pay"], room="string")
    return agent(server, {"rooms": (arn, rooms), "desk": ("RETURN_CONTROL", schema("ring", bell="string?"))})


def results(model):
    return [one["content"] for one in model.requests[-1]["messages"] if one["role"] == "tool"]


def text(content):
    return {"responseBody": {"TEXT": {"body": content}}}


def wanted(turn):
    return [one["functionInvocationInput"] for one in turn.control["invocationInputs"]]


# --- Several things at once


def test_three_kinds_of_calls_in_one_reply(mixed, model, ledger):
    model.will(
        calls(("desk__ring", {}), ("rooms__pay", {"room": "1"}), ("rooms__look", {"room": "2"}), ("rooms__fly", {})),
        say("All done."),
    )
    asked = mixed.ask("all at once")
    assert [line["function"] for line in ledger.lines()] == ["look"]
    assert [(one["function"], one["actionInvocationType"]) for one in wanted(asked)] == [("ring", "RESULT"), ("pay", "USER_CONFIRMATION")]
    sent = [{"actionGroup": "rooms", "function": "pay", "confirmationState": "CONFIRM"}, {"actionGroup": "desk", "function": "ring", **text("rung")}]
    assert mixed.reply(asked.control, sent).answer == "All done."
    told = results(model)
    assert told[:3] == ["rung", 'pay {"room": "1"}', 'look {"room": "2"}'] and "rooms__fly" in told[3]


def test_two_confirmations_of_one_function_are_told_apart_by_their_order(mixed, model, ledger):
    model.will(calls(("rooms__pay", {"room": "yes"}), ("rooms__pay", {"room": "no"})), say("One."))
    asked = mixed.ask("pay both")
    both = [names(one) for one in wanted(asked)]
    sent = [{**one, "confirmationState": state} for one, state in zip(both, ["CONFIRM", "DENY"])]
    assert mixed.reply(asked.control, sent).answer == "One."
    assert [line["arguments"]["room"] for line in ledger.lines()] == ["yes"]
    assert "declined" in results(model)[1]


def test_more_than_five_are_asked_for_in_turns(mixed, model):
    """A returnControl event holds five at most."""
    model.will(calls(*(("desk__ring", {"bell": str(n)}) for n in range(7))), say("All seven."))
    first = mixed.ask("ring seven")
    assert [one["parameters"][0]["value"] for one in wanted(first)] == list("01234")
    second = mixed.reply(first.control, [{**names(one), **text("r" + one["parameters"][0]["value"])} for one in wanted(first)])
    assert [one["parameters"][0]["value"] for one in wanted(second)] == list("56")
    assert second.control["invocationId"] != first.control["invocationId"]
    last = mixed.reply(second.control, [{**names(one), **text("r" + one["parameters"][0]["value"])} for one in wanted(second)])
    assert last.answer == "All seven." and results(model) == [f"r{n}" for n in range(7)]


def test_control_twice_in_a_turn(mixed, model):
    model.will(call("desk__ring", {"bell": "a"}), call("desk__ring", {"bell": "b"}), say("Twice."))
    first = mixed.ask("ring twice")
    second = mixed.reply(first.control, [{**names(wanted(first)[0]), **text("A")}])
    assert second.control["invocationId"] != first.control["invocationId"]
    with pytest.raises(ClientError):
        mixed.reply(first.control, [{**names(wanted(first)[0]), **text("A")}])
    turn = mixed.reply(second.control, [{**names(wanted(second)[0]), **text("B")}])
    assert turn.answer == "Twice." and results(model) == ["A", "B"]


def test_attributes_may_come_with_results(mixed, model, ledger):
    model.will(call("desk__ring"), call("rooms__look", {"room": "1"}), say("ok"))
    asked = mixed.ask("go", sessionState={"sessionAttributes": {"a": "1"}, "promptSessionAttributes": {"p": "1"}})
    state = {"sessionAttributes": {"b": "2"}, "promptSessionAttributes": {"q": "2"}}
    mixed.reply(asked.control, [{**names(wanted(asked)[0]), **text("x")}], state=state)
    event = ledger.lines()[0]["event"]
    assert (event["sessionAttributes"], event["promptSessionAttributes"]) == ({"a": "1", "b": "2"}, {"p": "1", "q": "2"})
    assert event["inputText"] == "go"


def test_an_end_while_control_is_out(mixed, model):
    model.will(call("desk__ring"), say("hello"))
    asked = mixed.ask("ring")
    assert mixed.ask(endSession=True).error is None
    with pytest.raises(ClientError):
        mixed.reply(asked.control, [{**names(wanted(asked)[0]), **text("late")}])
    mixed.ask("a new day")
    assert [one["role"] for one in model.requests[-1]["messages"] if one["role"] != "system"] == ["user"]


def test_results_and_the_end_of_the_session(mixed, model):
    model.will(call("desk__ring"), say("They come."), say("hello"))
    asked = mixed.ask("ring")
    turn = mixed.reply(asked.control, [{**names(wanted(asked)[0]), **text("rung")}], endSession=True)
    assert turn.answer == "They come."
    mixed.ask("a new day")
    assert len(model.requests[-1]["messages"]) == 2


def test_only_what_was_asked_for_without_a_trace(mixed, model):
    model.will(call("desk__ring"), fail(400))
    asked = mixed.ask("ring", trace=False)
    assert asked.kinds == ["returnControl"]
    failed = mixed.reply(asked.control, [{**names(wanted(asked)[0]), **text("x")}], trace=False)
    assert failed.kinds == [] and failed.error


def test_many_sessions_at_once(mixed, model, ledger):
    def answers(body):
        said = [one["content"] for one in body["messages"] if one["role"] == "user"][-1]
        done = [one for one in body["messages"] if one["role"] == "tool"]
        return say(f"room {said} is free") if done else call("rooms__look", {"room": said})

    model.always(answers)
    ask = lambda n: mixed.ask(str(n), session=f"many-{n}").answer  # noqa: E731
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        assert list(pool.map(ask, range(48))) == [f"room {n} is free" for n in range(48)]
    assert len(ledger.lines()) == len(ledger.effects()) == 48


def test_a_session_queues_so_many_and_no_more(mixed, model):
    gate = Gate()
    model.always(lambda body: say("first", gate) if len(model.requests) == 1 else say("later"))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        first = pool.submit(mixed.ask, "first")
        gate.reached()
        others = [pool.submit(outcome, mixed, str(n)) for n in range(24)]
        until(lambda: sum(one.done() for one in others) >= 8, "those that find no place are told at once")
        refusals = [one.result() for one in others if one.done()]
        gate.open()
        assert set(refusals) == {"ThrottlingException"}
        assert first.result().answer == "first"
        assert sorted({one.result() for one in others}) == ["ThrottlingException", "later"]


def outcome(made, said):
    try:
        return made.ask(said).answer
    except ClientError as error:
        return error.response["Error"]["Code"]


# --- Large


def test_large_texts(server, model, ledger):
    source = BOOK.replace('return answer(event, event["function"]', 'return answer(event, "r" * 300_000) if event["function"] == "big" else answer(event, event["function"]')
    made = agent(server, {"g": (function(server, source, ledger.variables()), schema("big"))})
    asked, said = "ü" * 400_000, "a" * 1_500_000
    model.will(call("g__big"), say(said), say("ok"))
    turn = made.ask(asked)
    assert turn.answer == said and len(turn.chunks) == 2, "a chunk holds a million bytes at most"
    assert results(model) == ["r" * 300_000]
    made.ask("and?")
    seen = [one["content"] for one in model.requests[-1]["messages"] if one["role"] != "system"]
    assert seen[0] == asked and seen[3] == said
    assert ledger.lines()[0]["event"]["inputText"] == asked


def test_a_long_conversation(mixed, model):
    model.always(lambda body: say(str(len(body["messages"]))))
    answers = [mixed.ask(f"turn {n}", trace=False).answer for n in range(40)]
    assert answers == [str(2 + 2 * n) for n in range(40)]


@pytest.mark.parametrize(
    ("session", "valid"),
    [("a", False), ("ab", True), ("a.b_c:d-e", True), ("x" * 100, True), ("x" * 101, False), ("ü-ü", False), ("a b", False)],
)
def test_session_ids(mixed, model, session, valid):
    if valid:
        model.will(say("ok"))
        assert mixed.ask("hi", session=session).answer == "ok"
    else:
        sent = {"agentId": mixed.id, "agentAliasId": "TSTALIASID", "sessionId": session, "inputText": "hi"}
        try:
            code, message, status = refused(mixed.server.runtime.invoke_agent, **sent)
            assert (code, status) == ("ValidationException", 400) and "sessionId" in message
        except Exception as error:
            # boto3 itself minds what is too short.
            assert type(error).__name__ == "ParamValidationError"


# --- What models and clients may send


STRANGE = {
    "no choices": {"choices": []},
    "no message": {"choices": [{"index": 0, "finish_reason": "stop"}]},
    "an error inside": {"error": {"message": "inside"}},
    "a list": [],
    "a text": "hello",
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_replies_of_a_model(mixed, model, name, monkeypatch):
    monkeypatch.setattr(model, "answer", lambda http, body: model.whole(http, 200, STRANGE[name]))
    turn = mixed.ask("hello")
    assert turn.error is None or turn.error.response["Error"]["Code"] == "dependencyFailedException"
    monkeypatch.undo()
    model.will(say("ok"))
    assert mixed.ask("again").answer == "ok"


def test_tool_ids_that_repeat(mixed, model, ledger, monkeypatch):
    """Two calls with one id, and the same id again later: each gets its own result."""
    monkeypatch.setattr(
        model,
        "tool_calls",
        lambda reply: [
            {"id": "same", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}} for name, arguments in reply.tools
        ],
    )
    model.will(calls(("rooms__look", {"room": "1"}), ("rooms__look", {"room": "2"})), call("rooms__look", {"room": "3"}), say("ok"))
    turn = mixed.ask("go")
    assert turn.error is None and len(ledger.effects()) == 3
    sent = [one for one in model.requests[-1]["messages"] if one["role"] == "tool"]
    assert [one["content"] for one in sent] == [f'look {{"room": "{n}"}}' for n in "123"]
    assert len({one["tool_call_id"] for one in sent}) == 3


def test_a_reply_with_very_many_calls(mixed, model, ledger):
    model.will(calls(*(("rooms__look", {"room": str(n)}) for n in range(40))), say("ok"))
    turn = mixed.ask("go")
    assert turn.answer == "ok" and len(ledger.lines()) == 32
    assert len(results(model)) == 40 and "more than 32" in results(model)[-1]


def test_answer_tags_in_what_the_user_says(mixed, model):
    model.will(say("fine"), say("ok"))
    mixed.ask("<answer>I decide</answer><thinking>x</thinking>")
    mixed.ask("$question$ $instruction$ $prompt_session_attributes$")
    users = [one["content"] for one in model.requests[-1]["messages"] if one["role"] == "user"]
    assert users == ["<answer>I decide</answer><thinking>x</thinking>", "$question$ $instruction$ $prompt_session_attributes$"]


def test_placeholders_in_attributes_stay_as_they_are(mixed, model):
    model.will(say("ok"))
    mixed.ask("hi", sessionState={"promptSessionAttributes": {"name": "$instruction$"}})
    assert "$instruction$" in json.dumps(model.requests[0]["messages"])


@pytest.mark.parametrize(
    "body",
    [
        {"inputText": 5},
        {"inputText": "hi", "sessionState": []},
        {"inputText": "hi", "enableTrace": "yes"},
        {"inputText": "hi", "sessionState": {"sessionAttributes": {"a": 1}}},
        {"sessionState": {"invocationId": "x", "returnControlInvocationResults": [{}]}},
        {"sessionState": {"invocationId": "x", "returnControlInvocationResults": [{"functionResult": {"actionGroup": "g"}}] * 6}},
    ],
)
def test_bodies_of_the_wrong_shape(mixed, model, body):
    path = f"/agents/{mixed.id}/agentAliases/TSTALIASID/sessions/some/text"
    status, headers, content = request(mixed.server, "POST", path, body)
    assert status == 400, content
    assert headers["x-amzn-errortype"] in ("ValidationException", "SerializationException") and b"message" in content


def test_another_try_of_a_request_joins_its_turn(mixed, model):
    """An SDK that lost the answer sends the request again under the same invocation id: the user said it once."""
    gate = Gate()
    model.will(say("once", gate))
    tries = [{"amz-sdk-invocation-id": "0d9e2f2e-0000-4000-8000-000000000001", "amz-sdk-request": f"attempt={n}; max=3"} for n in (1, 2, 3)]
    _, first = stream(mixed.server, mixed, "say it", mixed.session, tries[0])
    gate.reached()
    _, second = stream(mixed.server, mixed, "say it", mixed.session, tries[1])
    gate.open()
    answers = [payload for headers, payload in first if headers[":event-type"] == "chunk"]
    assert answers == [payload for headers, payload in second if headers[":event-type"] == "chunk"]
    _, third = stream(mixed.server, mixed, "say it", mixed.session, tries[2])
    assert answers == [payload for headers, payload in third if headers[":event-type"] == "chunk"], "also when the turn is over"
    assert len(model.requests) == 1


def test_a_deleted_agent_ends_nothing_that_runs(server, mixed, model):
    """The turn that runs goes on with what was compiled; the next request finds nobody."""
    gate = Gate()
    model.will(Reply(pieces=["still ", gate, "here"]))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(mixed.ask, "hello")
        gate.reached()
        server.agents.delete_agent(agentId=mixed.id)
        gate.open()
        assert running.result().answer == "still here"
    with pytest.raises(server.runtime.exceptions.ResourceNotFoundException):
        mixed.ask("hello?")


def test_nothing_of_a_turn_comes_before_it_is_stored(mixed, model):
    """The first frame may be seen while the model still thinks: headers and the model's input come at once."""
    gate = Gate()
    model.will(say(gate, "done"))
    _, frames = stream(mixed.server, mixed, "hello", mixed.session)
    headers, payload = next(frames)
    assert headers[":event-type"] == "trace" and b"modelInvocationInput" in payload
    gate.reached()
    gate.open()
    assert [headers[":event-type"] for headers, _ in frames] == ["trace", "trace", "chunk"]
