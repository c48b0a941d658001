"""Ending in good order: SIGTERM lets what runs come to an end for 25 seconds, stores the rest, and exits with 0."""

import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from support.agents import Turn
from support.crash import BROKEN, history
from support.double import Gate, call, say
from support.wait import until


def stopping(server):
    """Whether it takes no more work."""
    try:
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=5) as answer:
            return answer.status != 200
    except (OSError, urllib.error.URLError):
        return True


def test_the_running_step_is_finished(own, house, model, ledger, background):
    model.will(call("rooms__hold", {"room": "blue"}), say("It is yours."), say("ok"))
    asked = background(house.ask, "hold")
    ledger.reached("hold")
    ended = background(own.terminate)
    until(lambda: stopping(own), "a server that takes no more work")
    ledger.open("hold")
    assert ended.result() == 0
    seen = asked.result()
    assert isinstance(seen, Turn) and (seen.answer or seen.error), "a client is told, never left with a silent end"
    assert len(ledger.lines()) == 1
    own.restart()
    house.ask("and?")
    assert history(model)[:4] == [
        ("user", "hold"),
        ("assistant", "rooms__hold"),
        ("tool", 'done {"room": "blue"}'),
        ("assistant", "It is yours."),
    ]
    assert len(ledger.lines()) == 1, "the call that had ended was not made again"
    assert len(model.requests) == 3, "and no model call was paid twice"


def test_a_model_call_is_finished(own, house, model, background):
    gate = Gate()
    model.will(say("<answer>The first ", gate, "and the last</answer>"), say("ok"))
    asked = background(house.ask, "tell me", streaming=True)
    gate.reached()
    ended = background(own.terminate)
    until(lambda: stopping(own), "a server that takes no more work")
    gate.open()
    assert ended.result() == 0
    seen = asked.result()
    assert seen.error or seen.answer == "The first and the last"
    own.restart()
    house.ask("and?")
    assert history(model)[:2] == [("user", "tell me"), ("assistant", "The first and the last")]
    assert len(model.requests) == 2


def test_what_takes_longer_is_stored(own, house, model, ledger, background):
    model.will(call("rooms__hold", {"room": "blue"}), say("It is yours."), say("ok"))
    asked = background(house.ask, "hold")
    ledger.reached("hold")
    began = time.monotonic()
    assert own.terminate(35) == 0
    assert 20 < time.monotonic() - began < 32
    assert isinstance(asked.result(), (Turn, *BROKEN))
    (ledger.gates / "reached-hold").unlink()
    own.restart()
    ledger.reached("hold")
    ledger.open("hold")
    house.ask("and?")
    assert ("assistant", "It is yours.") in history(model)
    assert len(ledger.lines()) == 2 and len(ledger.effects()) == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_an_idle_server(own, house, model, name):
    model.will(say("hi"))
    house.ask("hello")
    own.process.send_signal(getattr(signal, name))
    assert own.process.wait(5) == 0
    assert not own.note().exists(), "clients are not sent to a server that is gone"
    own.restart()


def test_a_question_does_not_hold_it_up(own, house, model):
    model.will(call("desk__ring"), say("They come."))
    asked = house.ask("ring")
    assert own.terminate(5) == 0
    own.restart()
    result = {"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}
    assert house.reply(asked.control, [result]).answer == "They come."


def test_a_second_signal_ends_it_at_once(own, house, model, ledger, background):
    model.will(call("rooms__hold", {"room": "blue"}))
    background(house.ask, "hold")
    ledger.reached("hold")
    own.process.send_signal(signal.SIGTERM)
    until(lambda: stopping(own), "a server that takes no more work")
    own.process.send_signal(signal.SIGTERM)
    try:
        assert own.process.wait(5) != 0
    except subprocess.TimeoutExpired:
        raise AssertionError("it went on") from None
    ledger.open("hold")


def test_no_process_is_left(own, house, model, ledger):
    model.will(call("rooms__book", {"room": "blue"}), say("ok"))
    house.ask("book")
    assert own.terminate(10) == 0
    until(lambda: not processes_of(own), lambda: f"no process that works for this server: {processes_of(own)}")


def test_no_process_is_left_after_kill_9(own, house, model, ledger):
    model.will(call("rooms__book", {"room": "blue"}), say("ok"))
    house.ask("book")
    assert processes_of(own), "a function's process is kept while the server runs"
    own.kill9()
    until(lambda: not processes_of(own), lambda: f"no process that works for this server: {processes_of(own)}")


def processes_of(server):
    """Processes that run code of this server's state folder."""
    import pathlib

    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(server.state).encode() in path.read_bytes():
                found.append(path.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass
    return found
