"""Thousands of connections that do no good: whoever behaves keeps getting answers."""

import time

import pytest
from botocore.exceptions import ConnectionClosedError

from support.agents import agent
from support.crowd import KINDS, Crowd, memory
from support.double import say
from support.server import clients, run

COUNT = 5000
# A turn takes milliseconds. Waiting for a time limit of the server would take thirty seconds.
SOON = 10
ROUNDS = 10


@pytest.mark.timeout(180)
def test_a_healthy_client_keeps_getting_answers(new_server, model):
    server = new_server().start()
    made = agent(server, {})
    model.always(lambda _: say("still here"))
    before = memory(server.process.pid)
    slowest, closed = 0, 0
    with Crowd(server.url, COUNT) as crowd:
        assert set(crowd.opened) == set(KINDS)
        for number in range(ROUNDS):
            # A client that was there, and one that is new to the house. One attempt each: nothing is tried again.
            newcomer = clients(server.url)("bedrock-agent")
            began = time.monotonic()
            assert made.ask("are you there?", session=f"s-{number}").answer == "still here"
            try:
                assert newcomer.get_agent(agentId=made.id)["agent"]["agentId"] == made.id
            except ConnectionClosedError:
                # A busy machine may keep a newcomer silent for so long that it is the one to leave for another.
                closed += 1
            slowest = max(slowest, time.monotonic() - began)
        verb = run("session", "list", "--url", server.url, "-o", "json", timeout=SOON * 2)
        assert verb.returncode == 0, verb.stderr
        pressed = sum(crowd.opened.values())
    print(f"{pressed} connections, {crowd.thrown_out} thrown out, slowest round {slowest:.2f} s, {before:.0f} -> {memory(server.process.pid):.0f} MiB")
    assert slowest < SOON
    assert closed <= 1, f"{closed} of {ROUNDS} newcomers were thrown out"
    assert crowd.thrown_out > 0, "nobody had to leave: the crowd was too small to press"
    assert memory(server.process.pid) < before + 400
    assert "panicked" not in server.log()
