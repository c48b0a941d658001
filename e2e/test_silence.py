"""No turn ends in silence: models that say nothing, and sessions that wait for an answer."""

import json

import pytest

from support.agents import agent, function, refused, schema
from support.double import call, last, say

# What the model sends, and a word of what the client is told.
EMPTY = {
    "nothing": (say(""), "neither a text"),
    "white space": (say("<answer>\n </answer>"), "neither a text"),
    "a blank": (say(" "), "neither a text"),
    "the end of a line": (say("\n"), "neither a text"),
    "an empty answer": (say("<answer></answer>"), "neither a text"),
    "only thoughts": (say("<thinking>hm</thinking>"), "neither a text"),
    "cut off while it thinks": (say("<thinking>hm", ended="length"), "cut off"),
}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", EMPTY)
def test_a_reply_without_a_word_is_an_error(server, model, name, streaming):
    made = agent(server)
    reply, word = EMPTY[name]
    model.will(reply, say("I am back."))
    turn = made.ask("hello", streaming=streaming)
    error = turn.error.response["Error"]
    assert error["Code"] == "dependencyFailedException" and word in error["Message"]
    assert turn.of("failureTrace"), "the trace says why"
    assert made.ask("are you there?").answer == "I am back.", "the session goes on"
    shown = json.loads(server.shown(made.session))["turns"]
    assert [one["outcome"] for one in shown] == ["failed", "answered"]
    assert "Model.Empty" in json.dumps(shown[0]["events"])


@pytest.mark.parametrize("streaming", [False, True])
def test_a_reply_that_a_filter_held_back(server, model, streaming):
    made = agent(server)
    model.will(say("", ended="content_filter"), say("Of course."))
    assert made.ask("something bad", streaming=streaming).answer == "Sorry, I am unable to assist you with this request."
    assert made.ask("something good").answer == "Of course."
    assert "content_filtered" in server.log()


def test_a_session_that_waits_is_found(server, model):
    made = agent(server, {"desk": ("RETURN_CONTROL", schema("ring"))})
    model.will(call("desk__ring"), say("They come."))
    asked = made.ask("ring")

    def state():
        listed = json.loads(server.run("session", "ls", "--agent", made.name, "-o", "json").stdout)["sessions"]
        return [one["state"] for one in listed]

    assert state() == ["waiting"]
    assert "waiting for you" in server.run("session", "ls", "--agent", made.name).stdout
    made.reply(asked.control, [{"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}])
    assert state() == ["idle"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_question_that_waits_for_too_long(new_server, model, strict):
    """The session's idle time goes by while the client is asked: with --strict it ends the session, without it does not."""
    own = new_server("dev", *["--strict"] * strict).start()
    made = agent(own, {"desk": ("RETURN_CONTROL", schema("ring"))}, idleSessionTTLInSeconds=60)
    model.will(call("desk__ring"), *([] if strict else [say("They come.")]), say("Hello."))
    asked = made.ask("ring")
    assert own.run("clock", "advance", "2h").returncode == 0
    result = [{"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}]
    if strict:
        code, message, status = refused(made.reply, control=asked.control, results=result)
        assert (code, status) == ("ValidationException", 400) and "expired" in message
    else:
        assert made.reply(asked.control, result).answer == "They come."
    assert made.ask("hello").answer == "Hello."
    assert len(last(model)) == (1 if strict else 5)


def test_another_version_of_the_contract(server, model):
    source = "def handler(event, context):\n    return {**answer(event, 'x'), 'messageVersion': '2.0'}"
    made = agent(server, {"g": (function(server, source), schema("f"))})
    model.will(call("g__f"))
    error = made.ask("go").error.response["Error"]
    assert error["Code"] == "dependencyFailedException" and "messageVersion" in error["Message"]
