"""The examples that do without an agent: code keeps the order, a model does what it is asked. One flag, no network, no key, no model but the
planner; and against the double, to count what is asked of a model."""

import datetime
import os
import pathlib
import re
import sys

import pytest

from support.double import call, say
from support.server import ROOT
from support.wait import until
from test_examples import script

TOMORROW = "2026-04-26"


def flags(today="2026-04-25"):
    return ["--today", today]


@pytest.fixture
def example(new_server, tmp_path):
    """Starts `dev --example NAME`. The Python that it finds is this one, which has boto3."""

    def start(name, *more, config="", done=None):
        path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        data = {"TENNIS_DATA": tmp_path / "data", "RETAILER_DATA": tmp_path / "data", "RETAILER_SESSIONS": tmp_path / "sessions"}
        variables = {"PATH": path, **{name: str(value) for name, value in data.items()}}
        server = new_server("dev", "--example", name, *more, config=config, folder=f"server-{name}", variables=variables).start()
        if done:
            until(lambda: done in server.log(), lambda: f"{done!r}; the log:\n{server.log()}", 60)
        return server

    return start


@pytest.fixture
def sessions(tmp_path, monkeypatch):
    """Where orchestrator.py keeps its conversations when a test starts it."""
    monkeypatch.setenv("RETAILER_SESSIONS", str(tmp_path / "sessions"))


def lines(said, word):
    return re.findall(rf"^  {word} +(.*)$", said, re.M)


# --- played at the start


@pytest.mark.parametrize(
    ("name", "plays", "ends"),
    [
        ("tennis-a", ["you     Book a court for tomorrow", "club    What time would you like?", "you     3pm", "Which one?"], "is yours: C-"),
        ("tennis-e", ["you     Book me a court for tomorrow at 3pm", "  look    date=", "  book    slot_id="], "is yours: C-"),
        ("retailer-orchestrator", ["classified create_return", "(yes or no)", "you     yes", "called create_return"], "called check_inventory"),
    ],
)
def test_one_flag_plays_it_once(example, name, plays, ends):
    server = example(name, done=ends)
    shown = server.log()
    places = [shown.find(text) for text in plays]
    assert -1 not in places and places == sorted(places), shown
    until(lambda: (server.state / "examples" / f"{name}.played").exists(), "the note that it was played")
    server.terminate()
    server.log_path.write_text("")
    server.start()
    assert "you     " not in server.log()


# --- tennis, pattern A: three turns fill three slots


def test_slots_are_filled_by_hand(example):
    server = example("tennis-a", "--no-play")
    said = script(server, "tennis/pattern_a.py", *flags(), "Book a court for tomorrow", "3pm", "Court {court}")
    assert lines(said, "read") == ['{"date": "%s"}' % TOMORROW, '{"time": "15:00"}', '{"court": "Court A"}']
    asked = re.findall(r"^club +(.*)$", said, re.M)
    assert asked[0] == "What time would you like?" and asked[1].startswith("Free then: court A")
    assert asked[2] == f"Court A on {TOMORROW} at 15:00 is yours: C-1001."

    # A change of mind has other courts; what was booked is not offered again; what makes no sense changes nothing.
    talk = ("hello", "I want to play on Sunday", "at 9 in the morning", "no, at 3pm", "the moon", "court {court}")
    said = script(server, "tennis/pattern_a.py", *flags(), *talk)
    assert lines(said, "read")[:2] == ["{}", '{"date": "%s"}' % TOMORROW]
    assert [free.split(", ")[0] for free in lines(said, "free")][-1] == "C-20260426-1500"
    assert lines(said, "book") == ["C-20260426-1500 -> C-1002"]


def test_a_model_only_reads(example, double, model):
    """What a model makes up is not booked: courts that were not offered, values without a place."""
    server = example("tennis-a", "--no-play", config=double.config())
    model.will(
        call("note_wish", {"date": TOMORROW, "time": "15:00", "court": "Court A", "price": 0}),
        say("I would take court A."),
        call("note_wish", {"court": "Court A"}),
    )
    said = script(server, "tennis/pattern_a.py", *flags(), "tomorrow at 3pm", "hm", "Court A")
    assert lines(said, "read") == ['{"date": "%s", "time": "15:00"}' % TOMORROW, "{}", '{"court": "Court A"}']
    assert lines(said, "book") == ["A-20260426-1500 -> C-1001"]
    asked = [one["tools"][0]["function"]["parameters"]["properties"] for one in model.requests]
    assert [sorted(one) for one in asked] == [["date", "time"], ["court", "date", "time"], ["court", "date", "time"]]
    assert {one["tool_choice"] if isinstance(one["tool_choice"], str) else one["tool_choice"]["function"]["name"] for one in model.requests} <= {
        "required",
        "note_wish",
    }


# --- tennis, pattern E: two steps, in this order, whatever the model would like


def test_steps_keep_their_order(example):
    server = example("tennis-e", "--no-play")
    wishes = ["Book me a court for tomorrow at 3pm"] * 4
    said = script(server, "tennis/pattern_e.py", *flags(), *wishes)
    assert lines(said, "look") == [f"date={TOMORROW}, time=15:00 -> {free}" for free in ("3 free", "2 free", "1 free", "nothing")]
    assert lines(said, "book") == [f"slot_id={court}-20260426-1500 -> C-100{number}" for number, court in enumerate("ACD", 1)]
    assert "No court is free" in said.splitlines()[-1]


def test_a_model_works_inside_its_step(example, double, model):
    server = example("tennis-e", "--no-play", config=double.config())
    model.will(call("check_availability", {"date": TOMORROW, "time": "15:00"}), call("book_slot", {"slot_id": "C-20260426-1500"}))
    said = script(server, "tennis/pattern_e.py", *flags(), "Tomorrow at 3pm, the court by the trees, please")
    assert lines(said, "book") == ["slot_id=C-20260426-1500 -> C-1001"]
    look, book = model.requests
    assert [[tool["function"]["name"] for tool in one["tools"]] for one in (look, book)] == [["check_availability"], ["book_slot"]]
    assert book["tools"][0]["function"]["parameters"]["properties"]["slot_id"]["enum"] == [f"{court}-20260426-1500" for court in "ACD"]
    assert "the court by the trees" in book["messages"][0]["content"]
    model.will(call("check_availability", {"date": TOMORROW, "time": "15:00"}), call("book_slot", {"slot_id": "B-20260426-1500"}))
    said = script(server, "tennis/pattern_e.py", *flags(), "Tomorrow at 3pm, court B")
    assert "nothing was booked" in said and not lines(said, "book")
    model.will(say("When?"))
    assert script(server, "tennis/pattern_e.py", *flags(), "A court").splitlines()[-1] == "club    When?"


# --- the retailer's orchestrator


def test_two_model_calls_and_one_service_call(example, double, model, sessions):
    server = example("retailer-orchestrator", "--no-play", config=double.config())
    model.will(call("get_order_status", {"order_id": "A-1042"}), say("It was delivered."))
    said = script(server, "retailer/orchestrator.py", "--session", "one", "Where is my order A-1042?")
    assert said.splitlines()[-1] == "shop    It was delivered."
    steps = [line.split()[0] for line in said.splitlines() if line.startswith("  ")]
    assert steps == ["fetched", "classified", "called", "drafted"]
    assert len(model.requests) == 2, "two model calls"
    assert server.log().count('get_order_status {"') + server.log().count("INFO lambda: get_order_status") == 1, "one service call"
    assert model.requests[0].get("tool_choice", "auto") == "auto" and len(model.requests[0]["tools"]) == 3 and '"status": "delivered"' in model.requests[1]["messages"][-1]["content"].replace('":"', '": "')

    # Nothing is changed before the yes, even if a model asks for it; the yes itself needs no model to be understood.
    wanted = {"order_id": "A-1042", "sku": "SH-201", "reason": "too small"}
    model.will(call("create_return", wanted))
    said = script(server, "retailer/orchestrator.py", "--session", "one", "Can I return the blue one? It is too small.")
    assert "(yes or no)" in said and "called" not in said
    model.will(say("Your return is R-5001."))
    said = script(server, "retailer/orchestrator.py", "--session", "one", "Yes.")
    assert '"return_id": "R-5001"' in said and len(model.requests) == 4

    # A no, and a change of subject, leave things as they are, and the conversation is still one that a model takes.
    model.will(call("create_return", {**wanted, "sku": "SH-202"}))
    said = script(server, "retailer/orchestrator.py", "--session", "one", "And the white one", "no")
    assert said.splitlines()[-1] == "shop    Nothing was changed."
    model.will(call("create_return", {**wanted, "sku": "SH-202"}), say("What else can I do?"))
    said = script(server, "retailer/orchestrator.py", "--session", "one", "The white one after all", "Hm, what is a return?")
    assert said.splitlines()[-1] == "shop    What else can I do?" and "called" not in said
    opened = [one["id"] for message in model.requests[-1]["messages"] for one in message.get("tool_calls", [])]
    closed = [message["tool_call_id"] for message in model.requests[-1]["messages"] if message["role"] == "tool"]
    assert opened == closed


def test_the_blue_one_offline(example, sessions):
    server = example("retailer-orchestrator", "--no-play")
    said = script(server, "retailer/orchestrator.py")
    assert 'classified create_return {"order_id": "A-1042", "sku": "SH-201"' in said
    assert 'classified check_inventory {"sku": "SH-201", "size": "L"}' in said and "R-5001" in said
    said = script(server, "retailer/orchestrator.py", "Where is order Z-9?", "hello")
    assert '"error": "order_not_found"' in said and "classified nothing to do" in said
    for number in range(8):  # a conversation longer than what a model is shown
        said = script(server, "retailer/orchestrator.py", "--session", "long", "Where is my order A-1042?")
        assert '"status": "delivered"' in said, number


def test_the_day_is_today_when_nobody_says_it(example):
    server = example("tennis-e", "--no-play")
    said = script(server, "tennis/pattern_e.py", "Book me a court for tomorrow at 3pm")
    days = {(datetime.date.today() + datetime.timedelta(days=offset)).isoformat() for offset in (0, 1)}  # the test may run at midnight
    assert re.search(r"date=(\S+),", said)[1] in days


def test_the_readmes_name_them():
    for folder, names in [("tennis", ["tennis-a", "tennis-e"]), ("retailer", ["retailer-orchestrator"])]:
        readme = (ROOT / "examples" / folder / "README.md").read_text()
        assert all(name in readme for name in names)
