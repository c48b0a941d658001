"""The examples besides tennis, as their READMEs tell them: one flag, the conversation that is played, and a boto3 script. No network,
no key, no model but the planner. What happened is read from the sessions that the server keeps."""

import json
import re
import subprocess
import sys
import uuid

import pytest

from support.server import ROOT, environment
from support.wait import until

EXAMPLES = ROOT / "examples"


@pytest.fixture
def example(new_server):
    """Starts `dev --example NAME` and waits for the end of its first conversation."""

    def start(name, turns):
        server = new_server("dev", "--example", name, config="").start()
        until(lambda: len(re.findall(r"^ +session s-", server.log(), re.M)) == turns, lambda: f"{turns} turns; the log:\n{server.log()}", 60)
        return server

    return start


def stored(server, session=None):
    """The turns of a session; without an id, of the only one. A request that only answers a question belongs to the turn it answers."""
    if session is None:
        ((session),) = [one["sessionId"] for one in json.loads(server.run("session", "list", "-o", "json").stdout)["sessions"]]
    turns = []
    for request in json.loads(server.shown(session))["turns"]:
        if request.get("text"):
            turns.append(request)
        else:
            turns[-1] = {**turns[-1], "outcome": request["outcome"], "events": turns[-1]["events"] + request["events"]}
    return turns


def steps(turn):
    """(function, arguments, how, result) of everything that a turn called, in order; the result is None where there was none."""
    made = []
    for event in turn["events"]:
        step = event.get("trace", {}).get("trace", {}).get("orchestrationTrace", {})
        call = step.get("invocationInput", {}).get("actionGroupInvocationInput")
        if call:
            arguments = {one["name"]: one["value"] for one in call.get("parameters", [])}
            made.append([call["function"], arguments, call.get("executionType"), None])
        observed = step.get("observation", {}).get("actionGroupInvocationOutput")
        if observed:
            next(one for one in reversed(made) if one[3] is None)[3] = observed["text"]
    return made


def ran(turn):
    """Those that a function answered: (name, arguments, result)."""
    return [(name, arguments, json.loads(result)) for name, arguments, how, result in steps(turn) if how != "RETURN_CONTROL" and result]


def script(server, path, *args, answers=""):
    """Runs a script in a shell that only knows where AWS is."""
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    command = [sys.executable, str(EXAMPLES / path), *map(str, args)]
    ended = subprocess.run(command, env=environment(**variables), input=answers, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr + server.log()[-3000:]
    return ended.stdout


# --- retailer


def test_retailer(example):
    server = example("retailer", turns=3)
    looked, returned, asked = stored(server)
    ((name, arguments, order),) = ran(looked)
    assert (name, arguments) == ("get_order_status", {"order_id": "A-1042"})
    blue = next(item["sku"] for item in order["items"] if item["color"] == "blue")
    # "the blue one" is the SKU of the order that was looked up before, and nobody said it.
    assert blue not in json.dumps([turn["text"] for turn in (looked, returned, asked)])
    ((name, arguments, back),) = ran(returned)
    assert (name, arguments) == ("create_return", {"order_id": "A-1042", "sku": blue, "reason": "it is too small"})
    assert (back["return_id"], back["status"]) == ("R-5001", "created")
    ((name, arguments, stock),) = ran(asked)
    assert (name, arguments, stock["total"]) == ("check_inventory", {"sku": blue, "size": "L"}, 5)
    shown = server.log()
    assert "[approve]" in shown and "R-5001" in shown
    assert shown.index("approve create_return(") < shown.index("tool    create_return("), "it was asked before it ran"

    # The script: the other shirt is denied at the prompt, then approved in another session.
    talk = ("Where is my order A-1042?", "Can I return the white one because it is too small?")
    said = script(server, "retailer/support.py", *talk, answers="n\n")
    assert "create_return(" in said and "  deny    create_return(" in said and "  call    create_return(" not in said
    session = str(uuid.uuid4())
    said = script(server, "retailer/support.py", *talk, "--session", session, answers="y\n")
    assert said.index("  confirm create_return(") < said.index("  call    create_return(") < said.index("R-5002")
    ((name, arguments, back),) = ran(stored(server, session)[1])
    assert (name, arguments["sku"], back["return_id"]) == ("create_return", "SH-202", "R-5002"), "what was denied took no number"

    # An order that is not there is an answer, not a failure.
    said = script(server, "retailer/support.py", "Where is order Z-9?")
    assert '"error": "order_not_found"' in said and "There is no order" in said.splitlines()[-1]


# --- orders


def test_orders(example):
    server = example("orders", turns=2)
    cancelled, opened = stored(server)
    (first, arguments, order), (second, same, gone) = ran(cancelled)
    assert (first, second, arguments, same) == ("get_order_status", "cancel_order", {"order_id": "B-2001"}, {"order_id": "B-2001"})
    assert (order["status"], gone["status"]) == ("processing", "cancelled")
    ((name, arguments, how, result),) = steps(opened)
    assert (name, how) == ("open_calendar", "RETURN_CONTROL") and "lunch with Mira" in result
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", arguments["date"])
    assert opened["outcome"] == "answered"
    assert "[result: " in server.log()


def test_orders_with_the_script(new_server, tmp_path):
    server = new_server("dev", "--example", "orders", "--no-play", config="").start()
    flags = ["--today", "2026-04-25", "--data", tmp_path / "cancelled"]

    # Return of control, with the date that the prompt's session attribute makes of "next Monday".
    said = script(server, "orders/orders.py", *flags, "--cleanup")
    assert re.findall(r"^  (call|here) +(.*)$", said, re.M) == [
        ("call", "get_order_status(order_id=B-2001)"),
        ("call", "cancel_order(order_id=B-2001)"),
        ("here", "open_calendar(date=2026-04-27)"),
    ]
    assert "agent   Monday, 2026-04-27: 12:30 lunch with Mira." in said and "deleted agent and function" in said

    # Session attributes reach the function: who is asking, and what that customer may do. No model sees or says them.
    first = script(server, "orders/orders.py", "Cancel order B-2002", *flags)
    assert '"error": "too_late"' in first
    ids = json.loads(first.splitlines()[0])
    go_on = [*flags, "--agent", ids["agentId"], "--alias", ids["agentAliasId"]]
    other = script(server, "orders/orders.py", "Cancel order B-2002", *go_on, "--user", "u-2002", "--tier", "gold")
    assert '"error": "order_not_found"' in other
    gold = script(server, "orders/orders.py", "Cancel order B-2002 because I found it cheaper", *go_on, "--tier", "gold")
    assert '"status": "cancelled"' in gold and '"reason": "I found it cheaper"' in gold
    turns = json.dumps(stored(server, json.loads(gold.splitlines()[0])["sessionId"]))
    prompts = [step["modelInvocationInput"]["text"] for step in traces(json.loads(turns)) if "modelInvocationInput" in step]
    assert prompts and all("2026-04-25" in prompt and "u-1001" not in prompt for prompt in prompts)
    book = json.loads((tmp_path / "cancelled" / "cancelled.json").read_text())
    assert sorted(book) == ["B-2001", "B-2002"]

    # The script talks to the template's agent, too.
    (agent,) = [one for one in server.agents.list_agents()["agentSummaries"] if one["agentName"] == "order-bot"]
    said = script(server, "orders/orders.py", "Where is order B-3001?", "--agent", agent["agentId"], "--user", "u-2002")
    assert '"status": "processing"' in said


def traces(turns):
    return [event["trace"]["trace"].get("orchestrationTrace", {}) for turn in turns for event in turn["events"] if "trace" in event]


# --- both


@pytest.mark.parametrize("name", ["orders", "retailer"])
def test_the_binary_brings_the_example(new_server, name):
    """Away from this repository the files come out of the binary: the folder where the server starts has no examples."""
    server = new_server("dev", "--example", name, "--no-play", config="").start()
    copy = server.state / "examples" / name
    ours = {path.relative_to(EXAMPLES / name) for path in (EXAMPLES / name).rglob("*") if path.suffix in (".md", ".txt", ".yaml", ".py")}
    for file in ours:
        if not file.name.startswith("test_"):
            assert (copy / file).read_text() == (EXAMPLES / name / file).read_text(), f"{file}: build the binary again"


@pytest.mark.parametrize("name", ["orders", "retailer"])
def test_the_tests_of_the_tools(name):
    command = [sys.executable, "-m", "unittest", "discover", "-s", f"examples/{name}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_a_line_that_cannot_be_read(new_server, tmp_path):
    """A slip in brackets is named before anything is said."""
    folder = tmp_path / "server-0" / "examples" / "retailer"
    (folder / "tools").mkdir(parents=True)
    for file in ("template.yaml", "tools/service.py", "tools/shop.py"):
        (folder / file).write_bytes((EXAMPLES / "retailer" / file).read_bytes())
    (folder / "first-conversation.txt").write_text("Where is my order A-1042?\n[aprove]\n")
    server = new_server("dev", "--example", "retailer", config="").start()
    until(lambda: "[aprove]: this is not an answer" in server.log(), lambda: f"the slip; the log:\n{server.log()}")
    assert "write [approve], [deny] or [result: TEXT]" in server.log()
    assert json.loads(server.run("session", "list", "-o", "json").stdout)["sessions"] == []
