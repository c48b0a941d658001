"""Model servers that send a gigabyte, never end or change their mind: the turn ends with a clear error, memory stays flat."""

import threading
import time

import pytest

from support import greedy
from support.agents import agent, schema
from support.crowd import memory
from support.greedy import Greedy
from support.server import Server

# What one reply may have, twice and some slack for copies.
GROWTH_MIB = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    model = Greedy()
    server = Server(tmp_path_factory.mktemp("greedy"), config=model.config()).start()
    made = agent(server, {"rooms": ("RETURN_CONTROL", schema("look", "book", room="string?"))})
    yield server, made, model
    server.stop()


class Peak:
    """The most memory that a process had while something ran."""

    def __init__(self, pid):
        self.pid, self.most, self._end = pid, memory(pid), threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _watch(self):
        while not self._end.wait(0.01):
            self.most = max(self.most, memory(self.pid))


TOO_MUCH = ["text_of_a_gigabyte", "one_line_of_a_gigabyte", "comments_of_a_gigabyte", "arguments_of_a_gigabyte", "calls_without_an_end"]
ODD = ["headers_without_an_end", "a_body_of_a_gigabyte", "an_error_of_a_gigabyte", "redirects", "silence", "silence_in_the_middle", "drops_without_an_end"]


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("way", TOO_MUCH + ODD)
def test_it_is_cut_with_a_clear_error(house, way, streaming):
    server, made, model = house
    model.way, model.sent = getattr(greedy, way), 0
    before = memory(server.process.pid)
    with Peak(server.process.pid) as peak:
        began = time.monotonic()
        turn = made.ask("go", session=f"{way}-{streaming}", streaming=streaming)
        took = time.monotonic() - began
    error = turn.error.response["Error"]
    assert error["Code"] in ("dependencyFailedException", "validationException"), error
    assert error["Message"] and turn.kinds[-1] == "failureTrace"
    assert peak.most < before + GROWTH_MIB, f"{before:.0f} -> {peak.most:.0f} MiB"
    assert model.sent < greedy.GIGABYTE // 4, "most of it was read"
    assert took < 40
    print(f"{way}: {error['Code']}: {error['Message'][:160]}; {model.sent >> 20} MiB sent, {before:.0f} -> {peak.most:.0f} MiB, {took:.1f} s")


def test_the_end_is_the_end(house):
    server, made, model = house
    model.way, model.sent = greedy.the_end_and_then_more, 0
    turn = made.ask("go", streaming=True)
    assert turn.answer == "done" and turn.error is None


def test_a_model_of_two_minds(house):
    _, made, model = house
    model.way = greedy.another_mind
    turn = made.ask("go", streaming=True)
    # Whatever it is taken for, it is one thing: an answer, a question to the client, or an error that says so.
    assert [bool(turn.answer), bool(turn.control), bool(turn.error)].count(True) >= 1
    assert not (turn.answer and turn.control)


def test_the_server_goes_on(house):
    server, made, model = house
    model.way = greedy.the_end_and_then_more
    assert made.ask("still there?", streaming=True).answer == "done"
    assert "panicked" not in server.log()
