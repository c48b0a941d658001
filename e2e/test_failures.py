"""Turns that fail: functions, models, and agents that do not come to an end."""

import pytest

from support.agents import agent, function, refused, schema
from support.double import call, fail, results, say
from support.server import ACCOUNT, REGION
from support.words import DENIED, FAILED, MALFORMED, MODEL_FAILED, THROTTLED

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
