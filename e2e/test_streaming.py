"""streamFinalResponse: the answer token by token, and nothing but the answer."""

import pytest

from support.agents import agent, drain, function, schema
from support.double import CUT, Gate, call, say
from support.ledger import BOOK
from support.words import MODEL_FAILED


@pytest.fixture
def rooms(server, ledger):
    arn = function(server, BOOK, ledger.variables())
    return agent(server, {"rooms": (arn, schema("look", "book", confirm=["book"], room="string"))})


def test_the_client_sees_the_first_half_before_the_model_says_the_second(rooms, model):
    gate = Gate()
    model.will(say("<thinking>I must not be seen.</thinking>", "<answer>", "The first half, ", gate, "the second half.", "</answer>"))
    turn, stream = rooms.ask("tell me", streaming=True, collect=False)
    events = iter(stream)
    seen = []
    while not any("chunk" in event for event in seen):
        seen.append(next(events))
    gate.reached()
    turn.events = seen
    assert turn.answer == "The first half, "
    assert turn.kinds == ["modelInvocationInput", "chunk"], "the trace of the model call is not there yet"
    gate.open()
    drain(turn, events)
    assert turn.answer == "The first half, the second half."
    assert turn.kinds[2:] == ["chunk", "modelInvocationOutput", "rationale", "observation FINISH"]
    assert turn.of("rationale")[0]["text"] == "I must not be seen."
    assert turn.of("observation")[0]["finalResponse"]["text"] == turn.answer
    assert model.requests[0]["stream"] is True


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        (["<answer>one ", "two</answer>"], "one two"),
        (["<ans", "wer>", "a <b", "> c</ans", "wer> and more"], "a <b> c"),
        (["Let me see. <answer>", "\n", "\nleading\n", "</answer>"], "leading\n"),
        (["<thinking><answer>no</answer></thinking>", "<answer>yes", "</answer>"], "yes"),
        (["<answer>never ", "closed"], "never closed"),
        (["<answer>é", "ü€", "😀</answer>"], "éü€😀"),
    ],
)
def test_what_is_inside_the_tags_is_shown(rooms, model, pieces, answer):
    model.will(say(*pieces))
    turn = rooms.ask("go", streaming=True)
    assert turn.answer == answer
    assert turn.kinds.index("chunk") < turn.kinds.index("modelInvocationOutput")
    assert turn.of("observation")[-1]["finalResponse"]["text"] == answer


@pytest.mark.parametrize("pieces", [["no ", "tags ", "at all"], ["<thinking>hm</thinking>", "no ", "tags ", "at all"]])
def test_untagged_text_is_held_to_the_end(rooms, model, pieces):
    model.will(say(*pieces))
    turn = rooms.ask("go", streaming=True)
    assert turn.answer == "no tags at all"
    assert turn.kinds[-2:] == ["observation FINISH", "chunk"] and turn.kinds.count("chunk") == 1


def test_text_before_a_tool_call_is_a_thought(rooms, model):
    model.will(call("rooms__look", {"room": "blue"}, text="I look at the blue one."), say("<answer>It ", "is free.</answer>"))
    turn = rooms.ask("go", streaming=True)
    assert turn.chunks == ["It ", "is free."]
    assert turn.of("rationale")[0]["text"] == "I look at the blue one."
    first = turn.kinds.index("chunk")
    assert turn.kinds[first - 1] == "modelInvocationInput" and turn.kinds[:first].count("modelInvocationInput") == 2


def test_thoughts_of_reasoning_models_are_not_shown(rooms, model):
    model.will(say("<answer>", "42", "</answer>", thinking="six times seven"))
    turn = rooms.ask("go", streaming=True)
    assert turn.chunks == ["42"]
    assert turn.of("rationale")[0]["text"] == "six times seven"


def test_without_the_flag_it_is_one_chunk(rooms, model):
    model.will(say("<answer>one ", "two</answer>"))
    assert rooms.ask("go").chunks == ["one two"]


def test_confirmation_while_streaming(rooms, model):
    model.will(call("rooms__book", {"room": "blue"}), say("<answer>Book", "ed.</answer>"))
    asked = rooms.ask("book", streaming=True)
    assert asked.control and not asked.chunks
    assert rooms.confirm(asked.control, "CONFIRM", streaming=True).chunks == ["Book", "ed."]


def test_a_stream_that_breaks_is_an_exception(rooms, model):
    model.will(say("<answer>half ", CUT))
    turn = rooms.ask("go", streaming=True)
    assert turn.chunks == ["half "]
    error = turn.error.response["Error"]
    assert error["Code"] == "dependencyFailedException" and error["Message"].startswith(MODEL_FAILED)
    model.will(say("<answer>whole</answer>"))
    assert rooms.ask("again", streaming=True).answer == "whole"


def test_a_client_that_goes_away_does_not_end_the_turn(rooms, model):
    gate = Gate()
    model.will(say("<answer>first ", gate, "second</answer>"), say("next"))
    _, stream = rooms.ask("go", streaming=True, collect=False)
    for event in stream:
        if "chunk" in event:
            break
    stream.close()
    gate.open()
    rooms.ask("and?")
    said = [one["content"] for one in model.requests[-1]["messages"] if one["role"] == "assistant"]
    assert said == ["first second"]
