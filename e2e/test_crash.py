"""kill -9 of the whole process group, against a ledger outside: every turn ends, and nothing happens twice without the same key."""

import base64
import json

import pytest

from support.agents import agent, function, schema, unique
from support.crash import BROKEN, SLOW, history
from support.double import Gate, call, calls, say
from support.raw import invoke, stream
from support.wait import until


def test_in_the_middle_of_a_tool_call(own, house, model, ledger, background):
    model.will(call("rooms__hold", {"room": "blue"}), say("It is yours."), say("Yes, blue."))
    cut = background(house.ask, "hold blue")
    ledger.reached("hold")
    own.kill9()
    assert isinstance(cut.result(), BROKEN), "a broken stream is an error of the client, never a silent end"
    (ledger.gates / "reached-hold").unlink()
    own.restart()
    ledger.reached("hold")
    ledger.open("hold")
    assert house.ask("which one?").answer == "Yes, blue."
    assert history(model) == [
        ("user", "hold blue"),
        ("assistant", "rooms__hold"),
        ("tool", 'done {"room": "blue"}'),
        ("assistant", "It is yours."),
        ("user", "which one?"),
    ]
    assert len(model.requests) == 3, "what the model said before the crash was not asked again"
    assert len(ledger.lines()) == 2 and len(ledger.effects()) == 1, "two calls with one key"
    shown = json.loads(own.shown(house.session))
    assert [turn["outcome"] for turn in shown["turns"]] == ["answered", "answered"]


def test_one_of_two_calls_had_returned(own, house, model, ledger, background):
    model.will(calls(("rooms__book", {"room": "red"}), ("rooms__hold", {"room": "blue"})), say("Both."), say("ok"))
    background(house.ask, "both")
    ledger.reached("hold")
    until(lambda: sum("answered" in event for event in journal(own, house)) == 2, "the first call's answer in the journal, after the model's")
    own.kill9()
    (ledger.gates / "reached-hold").unlink()
    own.restart()
    ledger.reached("hold")
    ledger.open("hold")
    house.ask("and?")
    assert history(model)[2:4] == [("tool", 'done {"room": "red"}'), ("tool", 'done {"room": "blue"}')]
    assert len(ledger.effects()) == 2 and len(ledger.lines()) == 3
    assert [line["function"] for line in ledger.lines()].count("book") == 1, "a call whose answer is journaled is not made again"


def journal(server, agent):
    shown = server.run("session", "show", agent.session, "--raw")
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line) for line in shown.stdout.splitlines()]


def test_another_try_after_a_crash_joins_its_turn(own, house, model, ledger):
    """What SDKs do by themselves when a connection breaks: the same request again. It is the same turn, and the same booking."""
    model.will(call("rooms__hold", {"room": "blue"}), say("It is yours."))
    again = {"amz-sdk-invocation-id": "0d9e2f2e-0000-4000-8000-000000000002"}
    _, frames = stream(own, house, "hold blue", house.session, {**again, "amz-sdk-request": "attempt=1; max=5"})
    next(frames)
    ledger.reached("hold")
    own.kill9()
    (ledger.gates / "reached-hold").unlink()
    own.restart()
    _, frames = stream(own, house, "hold blue", house.session, {**again, "amz-sdk-request": "attempt=2; max=5"})
    ledger.reached("hold")
    ledger.open("hold")
    chunks = [json.loads(payload)["bytes"] for headers, payload in frames if headers[":event-type"] == "chunk"]
    assert base64.b64decode("".join(chunks)).decode() == "It is yours."
    assert len(model.requests) == 2
    assert len(ledger.effects()) == 1 and len(ledger.lines()) == 2
    shown = json.loads(own.shown(house.session))["turns"]
    assert [(turn["text"], turn["outcome"]) for turn in shown] == [("hold blue", "answered")]


def test_while_the_client_is_asked_to_confirm(own, house, model, ledger):
    model.will(call("rooms__pay", {"room": "blue"}), say("Paid."))
    asked = house.ask("pay")
    own.kill9()
    own.restart()
    assert house.confirm(asked.control, "CONFIRM").answer == "Paid."
    assert [line["function"] for line in ledger.lines()] == ["pay"]
    assert len(model.requests) == 2


def test_a_denial_after_a_crash(own, house, model, ledger):
    model.will(call("rooms__pay", {"room": "blue"}), say("Not paid."))
    asked = house.ask("pay")
    own.kill9()
    own.restart()
    assert house.confirm(asked.control, "DENY").answer == "Not paid."
    assert ledger.lines() == []


def test_in_the_middle_of_a_confirmed_call(own, house, model, ledger, background):
    """The confirmation counts once, whatever happens after it."""
    arn = function(own, SLOW, ledger.variables())
    careful = agent(own, {"g": (arn, schema("hold", confirm=["hold"]))})
    model.will(call("g__hold"), say("Held."), say("yes"))
    asked = careful.ask("hold")
    background(careful.confirm, asked.control, "CONFIRM")
    ledger.reached("hold")
    own.kill9()
    (ledger.gates / "reached-hold").unlink()
    own.restart()
    ledger.reached("hold")
    ledger.open("hold")
    assert careful.ask("held?").answer == "yes"
    assert ("assistant", "Held.") in history(model)
    assert len(ledger.lines()) == 2 and len(ledger.effects()) == 1


def test_while_the_client_has_control(own, house, model):
    model.will(call("desk__ring"), say("They come."))
    asked = house.ask("ring")
    own.kill9()
    own.restart()
    result = {"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}
    assert house.reply(asked.control, [result]).answer == "They come."
    assert ("tool", "rung") in history(model)


def test_in_the_middle_of_a_stream(own, house, model):
    gate = Gate()
    model.will(say("<answer>The first ", gate, "try</answer>"), say("<answer>The second try</answer>"), say("ok"))
    _, events = house.ask("tell me", streaming=True, collect=False)
    for event in events:
        if "chunk" in event:
            break
    gate.reached()
    own.kill9()
    with pytest.raises(BROKEN):
        list(events)
    gate.open()
    own.restart()
    until(lambda: len(model.requests) == 2, "the model call is made again")
    house.ask("what did you say?")
    assert history(model)[:2] == [("user", "tell me"), ("assistant", "The second try")]


def test_between_turns(own, house, model):
    model.will(say("Hello Ann."), say("You are Ann."))
    house.ask("I am Ann.", sessionState={"sessionAttributes": {"user": "ann"}})
    own.kill9()
    own.restart()
    assert house.ask("Who am I?").answer == "You are Ann."
    assert history(model) == [("user", "I am Ann."), ("assistant", "Hello Ann."), ("user", "Who am I?")]


def test_what_was_made_is_still_there(own, house, model, ledger):
    alias = house.publish("live")
    own.agents.tag_resource(resourceArn=own.agents.get_agent(agentId=house.id)["agent"]["agentArn"], tags={"a": "b"})
    before = [own.agents.get_agent(agentId=house.id)["agent"], own.agents.get_agent_alias(agentId=house.id, agentAliasId=alias)["agentAlias"]]
    name = unique("kept")
    function(own, SLOW, ledger.variables(), name=name)
    configuration = own.functions.get_function_configuration(FunctionName=name)
    own.kill9()
    own.restart()
    after = [own.agents.get_agent(agentId=house.id)["agent"], own.agents.get_agent_alias(agentId=house.id, agentAliasId=alias)["agentAlias"]]
    assert after == before
    assert own.agents.list_tags_for_resource(resourceArn=before[0]["agentArn"])["tags"] == {"a": "b"}
    again = own.functions.get_function_configuration(FunctionName=name)
    assert {**again, "ResponseMetadata": 0} == {**configuration, "ResponseMetadata": 0}
    model.will(call("rooms__book", {"room": "1"}), say("done"))
    assert house.ask("book", alias="live").answer == "done"


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_killed_as_soon_as_the_ledger_has_so_many_lines(own, house, model, ledger, background, lines):
    """Three bookings, one after the other; the server dies at a moment that nobody chose."""
    rooms = ["1", "2", "3"]

    def answers(request):
        done = [one for one in request["messages"] if one["role"] == "tool"]
        if request["messages"][-1]["content"] == "and?":
            return say("All three.")
        return call("rooms__book", {"room": rooms[len(done)]}) if len(done) < 3 else say("Done.")

    model.always(answers)
    background(house.ask, "book three")
    until(lambda: model.requests and len(ledger.lines()) >= lines, "the ledger's lines")
    own.kill9()
    own.restart()
    assert house.ask("and?").answer == "All three."
    booked = sorted(arguments["room"] for _, arguments in ledger.effects().values())
    assert booked == rooms, "every booking once, by its key"
    assert [role for role, _ in history(model)] == ["user", "assistant", "tool", "assistant", "tool", "assistant", "tool", "assistant", "user"]


def test_many_crashes(own, house, model, ledger, background):
    model.will(call("rooms__hold", {"room": "blue"}), say("At last."), say("ok"))
    background(house.ask, "hold")
    for _ in range(3):
        ledger.reached("hold")
        own.kill9()
        (ledger.gates / "reached-hold").unlink()
        own.restart()
    ledger.reached("hold")
    ledger.open("hold")
    house.ask("and?")
    assert ("assistant", "At last.") in history(model)
    assert len(ledger.lines()) == 4 and len(ledger.effects()) == 1


# --- The stored trace


def test_the_stored_trace_is_the_streamed_one(own, house, model):
    model.will(
        calls(("rooms__book", {"room": "blü"}), ("rooms__book", {"room": "red"}), text="Two at once."),
        say("<thinking>fine</thinking><answer>Booked – both.</answer>"),
        call("rooms__nothing"),
        call("desk__ring"),
    )
    streamed = []
    for text in ("book two", "ring the bell"):
        headers, frames = invoke(own, house, text, house.session)
        streamed.append((headers["x-amzn-requestid"], frames))
    own.kill9()
    own.restart()
    text = own.shown(house.session)
    stored = json.loads(text)
    assert [turn["requestId"] for turn in stored["turns"]] == [request_id for request_id, _ in streamed]
    assert [turn["outcome"] for turn in stored["turns"]] == ["answered", "asked"]
    for turn, (_, frames) in zip(stored["turns"], streamed):
        assert [next(iter(event)) for event in turn["events"]] == [frame[":event-type"] for frame, _ in frames]
        for frame, payload in frames:
            if frame[":event-type"] != "chunk":
                assert '{"%s":%s}' % (frame[":event-type"], payload.decode()) in text, "byte for byte"
        traces = [json.dumps(event["trace"], ensure_ascii=False, separators=(",", ":")).encode() for event in turn["events"] if "trace" in event]
        assert traces == [payload for frame, payload in frames if frame[":event-type"] == "trace"]


def test_the_trace_of_a_turn_that_crashed_begins_as_it_was_streamed(own, house, model, ledger):
    model.will(call("rooms__hold", {"room": "blue"}, text="I hold it."), say("Held."), say("ok"))
    request_id, frames = stream(own, house, "hold", house.session)
    seen = [next(frames)[1].decode() for _ in range(3)]
    ledger.reached("hold")
    own.kill9()
    (ledger.gates / "reached-hold").unlink()
    own.restart()
    ledger.reached("hold")
    ledger.open("hold")
    house.ask("and?")
    text = own.shown(house.session)
    first = json.loads(text)["turns"][0]
    assert first["requestId"] == request_id
    traces = [event["trace"] for event in first["events"] if "trace" in event]
    assert [next(iter(trace["trace"]["orchestrationTrace"])) for trace in traces] == [
        "modelInvocationInput",
        "modelInvocationOutput",
        "rationale",
        "invocationInput",
        "observation",
        "modelInvocationInput",
        "modelInvocationOutput",
        "observation",
    ]
    assert [json.loads(payload) for payload in seen] == traces[:3]
    assert ",".join('{"trace":%s}' % payload for payload in seen) in text, "byte for byte"
