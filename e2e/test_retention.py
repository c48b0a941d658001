"""[retention]: sessions that nobody comes back to are deleted, those that somebody uses stay."""

import json

from support.agents import agent, refused, unique
from support.double import say
from support.server import run
from support.wait import until


def sessions(server):
    return {one["sessionId"] for one in json.loads(server.run("session", "ls", "-o", "json", "--limit", "1000").stdout)["sessions"]}


def advance(server, by):
    assert server.run("clock", "advance", by).returncode == 0


def test_sessions_go_after_their_time(new_server, double, model):
    own = new_server("dev", config=double.config('\n[retention]\nsessions = "10d"\n')).start()
    model.always(lambda _: say("hi"))
    made = agent(own)
    old, kept = unique("old"), unique("kept")
    made.ask("hello", session=old)
    made.ask("hello", session=kept)
    advance(own, "9d")
    made.ask("hello again", session=kept)
    assert sessions(own) == {old, kept}

    def gone():
        advance(own, "2h")
        return old not in sessions(own)

    advance(own, "1d")
    until(gone, "the end of the old session")
    assert sessions(own) == {kept}
    assert own.run("session", "show", old).returncode == 1
    own.kill9()
    own.restart()
    assert sessions(own) == {kept}, "and it stays gone"
    assert made.ask("hello", session=old).answer == "hi", "its id begins a new session"
    assert len(json.loads(own.shown(old))["turns"]) == 1


def test_without_a_word_they_stay(new_server, model):
    own = new_server("dev").start()
    model.always(lambda _: say("hi"))
    made = agent(own)
    made.ask("hello", session="kept")
    for _ in range(3):
        advance(own, "400d")
    assert sessions(own) == {"kept"}
    assert refused(own.agents.get_agent, agentId="AAAAAAAAAA")[2] == 404


def test_a_time_that_does_not_do(tmp_path):
    (tmp_path / "bedplate.toml").write_text('[retention]\nsessions = "5m"\n')
    checked = run("config", "check", cwd=tmp_path)
    assert checked.returncode == 1
    assert "bedplate.toml:2:" in checked.stderr and '"30d"' in checked.stderr
