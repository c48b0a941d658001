"""Turns that come back to the client: confirmation and return of control."""

import re

import pytest

from support.agents import agent, function, schema
from support.double import call, calls, last, results, say
from support.ledger import BOOK
from support.words import FAILED

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


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
