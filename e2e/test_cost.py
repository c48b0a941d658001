"""What model calls cost: next to the session, summed by agent, model and day, exact over kill -9, and never guessed."""

import json
import urllib.request

import pytest

from support.agents import MODEL, agent, function, schema
from support.crash import BROKEN, SLOW
from support.double import call, say
from support.server import run

PRICE = """
[[price]]
provider = "double"
model = "te*"
input = 3.0
output = 15.0
"""


def sums(server, query=""):
    with urllib.request.urlopen(f"{server.url}/_bedplate/cost?{query}", timeout=10) as answer:
        return json.load(answer)


def cost(server, *args):
    done = run("cost", *args, "--url", server.url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sums(new_server, double, model):
    server = new_server(config=double.config(PRICE)).start()
    assert sums(server)["rows"] == []
    one, two = agent(server), agent(server)
    model.will(say("Hi.", usage=(2000, 500)), say("Hi again.", usage=(1000, 100)), say("Ho.", usage=(10, 1)))
    one.ask("hi")
    one.ask("hi")
    two.ask("ho")
    found = sums(server, "by=agent")
    rows = {row["key"]: row for row in found["rows"]}
    assert rows[f"{one.name} ({one.id})"] == {
        "key": f"{one.name} ({one.id})",
        "calls": 2,
        "inputTokens": 3000,
        "outputTokens": 600,
        "cacheReadTokens": 0,
        "cacheWriteTokens": 0,
        "usd": pytest.approx(0.018),
        "unpricedCalls": 0,
    }
    assert found["total"]["usd"] == pytest.approx(0.018045)
    assert [(row["key"], row["calls"]) for row in sums(server, "by=model")["rows"]] == [("double/test", 3)]
    assert len(sums(server, "by=day")["rows"]) == 1
    assert {row["key"]: row["calls"] for row in sums(server, "by=session")["rows"]} == {one.session: 2, two.session: 1}
    assert sums(server, "by=agent&until=2020-01-01")["rows"] == []
    assert "$0.0180" in cost(server) and "double/test" in cost(server, "--by", "model")
    shown = json.loads(server.shown(one.session))
    assert shown["cost"]["usd"] == pytest.approx(0.018)


def test_sessions_of_one_name_are_two(new_server, double, model):
    server = new_server(config=double.config(PRICE)).start()
    one, two = agent(server), agent(server)
    two.session = one.session
    model.will(say("Hi.", usage=(2000, 500)), say("Ho.", usage=(1000, 100)))
    one.ask("hi")
    told = run("chat", two.name, "ho", "--session", two.session, "--url", server.url).stdout
    assert "$0.0045 in this session" in told, told
    rows = sums(server, "by=session")["rows"]
    assert sorted((row["key"], row["calls"], row["inputTokens"]) for row in rows) == [(one.session, 1, 1000), (one.session, 1, 2000)]


def test_a_sum_by_nothing_is_refused(new_server):
    server = new_server(config="").start()
    with pytest.raises(urllib.error.HTTPError) as refused:
        sums(server, "by=colour")
    assert refused.value.code == 400 and "agent, model, day or session" in refused.value.read().decode()


def test_a_model_without_a_price_is_not_free(new_server, double, model):
    server = new_server(config=double.config()).start()
    model.will(say("Hi."))
    agent(server).ask("hi")
    total = sums(server)["total"]
    assert total["usd"] is None and total["unpricedCalls"] == 1
    told = run("cost", "--url", server.url)
    assert "$" not in told.stdout and "[[price]]" in told.stderr


def test_the_planner_costs_nothing(new_server):
    server = new_server("dev", config="").start()
    agent(server).ask("hello")
    total = sums(server)["total"]
    assert total["calls"] >= 1 and total["usd"] == 0 and total["unpricedCalls"] == 0


def test_sums_are_exact_over_crashes(new_server, double, model, ledger, background):
    server = new_server(config=double.config(PRICE)).start()
    arn = function(server, SLOW, ledger.variables())
    house = agent(server, {"rooms": (arn, schema("hold", "book", room="string?"))})
    for round in range(3):
        model.will(say("Hi.", usage=(100, 10)), call("rooms__hold", usage=(100, 10)), say("Done.", usage=(100, 10)))
        house.ask("hi")
        if round == 1:
            server.stop()  # in good order, this time
            server.restart()
        cut = background(house.ask, "hold")
        ledger.reached("hold")
        server.kill9()
        assert isinstance(cut.result(), BROKEN)
        (ledger.gates / "reached-hold").unlink()
        server.restart()
        ledger.reached("hold")
        ledger.open("hold")
        model.will(say("Yes.", usage=(100, 10)))
        assert house.ask("well?").answer == "Yes."
        for name in ("reached-hold", "open-hold"):
            (ledger.gates / name).unlink()
        total = sums(server)["total"]
        assert (total["calls"], total["inputTokens"], total["outputTokens"]) == ((round + 1) * 4, (round + 1) * 400, (round + 1) * 40)
        by_session = sums(server, "by=session")["total"]
        assert by_session["calls"] == total["calls"], "the journal says the same"


def test_estimate_shows_its_arithmetic():
    done = run("cost", "estimate", "--tasks", 10000, "--steps", 5, "--in", 2000, "--out", 500, "--vs", "sfn:10")
    assert done.returncode == 0, done.stderr
    for text in ("$0.013500", "$0.0675", "$675.00", "$2.50", "= 270"):
        assert text in done.stdout, done.stdout
    own = run("cost", "estimate", "--in", 1000, "--out", 0, "--price-in", 2, "--price-out", 8, "-o", "json")
    assert json.loads(own.stdout)["taskUsd"] == pytest.approx(0.01)
    assert run("cost", "estimate", "--in", 1, "--out", 1, "--model", "nobody/knows").returncode == 1
    assert run("cost", "estimate", "--in", 1, "--out", 1, "--vs", "sfn").returncode == 2


def test_mistakes_in_prices_are_told_with_their_line(new_server, double):
    for line, told in (("input = -1.0", "input"), ('from = "soon"\ninput = 1.0', "soon"), ("inputs = 1.0", "inputs")):
        server = new_server(config=double.config(f'\n[[price]]\nprovider = "x"\nmodel = "y"\noutput = 1.0\n{line}\n'))
        server.launch()
        assert server.process.wait(20) != 0
        assert told in server.log() and "bedplate.toml:" in server.log(), server.log()


def test_calls_without_an_agent_are_paid_for(new_server, double, model):
    """Converse and InvokeModel, whole and streamed: no session has them, the day's sum does, and so do the metrics."""
    server = new_server(config=double.config(PRICE)).start()
    model.will(say("Hi.", usage=(2000, 500)), say("Ho.", usage=(1000, 100)))
    runtime = server.client("bedrock-runtime")
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    runtime.converse(modelId=MODEL, messages=messages)
    assert list(runtime.converse_stream(modelId=MODEL, messages=messages)["stream"])
    rows = {row["key"]: row for row in sums(server, "by=agent")["rows"]}
    direct = next(row for key, row in rows.items() if "bedrock-runtime" in key)
    assert (direct["calls"], direct["inputTokens"], direct["outputTokens"]) == (2, 3000, 600)
    assert direct["usd"] == pytest.approx(0.018)
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as answer:
        assert 'bedplate_model_calls_total{provider="double",model="test",outcome="ok"} 2' in answer.read().decode()
