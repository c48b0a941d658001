"""The first five minutes, as the READMEs tell them: the example, its boto3 script, and the verbs. No network, no key, no model."""

import json
import re
import subprocess
import sys

import pytest

from support.agents import agent, function, schema
from support.double import call, say
from support.ledger import BOOK
from support.server import ROOT, environment, run
from support.wait import until

BOOK_PY = ROOT / "examples" / "tennis" / "book.py"
CONFIRMATION = re.compile(r"C-1\d{3}")
# The last step of a conversation that was played, and the line below it.
PLAYED = re.compile(r"^\d+  answer [^\0]*?C-1001[^\0]*?\n +session ", re.M)


@pytest.fixture
def own(new_server):
    return new_server("dev", "--example", "tennis", config="").start()


@pytest.fixture
def quiet(new_server):
    """`dev` on the planner, without a template."""
    return new_server("dev", config="").start()


def book_py(server, tmp_path, *args):
    """The script in a shell that only knows where AWS is."""
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    ended = subprocess.run(
        [sys.executable, str(BOOK_PY), *args, "--data", str(tmp_path / "bookings")],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr + server.log()[-3000:]
    first, *lines = ended.stdout.splitlines()
    return json.loads(first), "\n".join(lines)


def confirmations(text):
    return list(dict.fromkeys(CONFIRMATION.findall(text)))


# --- dev --example tennis


def test_the_example_plays_its_first_conversation(own):
    until(lambda: PLAYED.search(own.log()), lambda: f"a court that is booked; the log:\n{own.log()}")
    shown = own.log()
    for word in ("builtin/planner", "not an LLM", "tennis-booking", "PREPARED", own.url, "check_availability", "book_slot", "you", "answer"):
        assert word in shown, word
    assert shown.index("check_availability(") < shown.index("book_slot(")
    assert healthy(own), "it goes on serving"
    sessions = json.loads(own.run("session", "list", "-o", "json").stdout)["sessions"]
    assert [one["agentName"] for one in sessions] == ["tennis-booking"]


def healthy(server):
    import urllib.request

    with urllib.request.urlopen(f"{server.url}/healthz", timeout=5) as answer:
        return answer.status == 200


def test_the_conversation_is_played_once(own):
    until(lambda: PLAYED.search(own.log()), "a court that is booked")
    assert own.terminate() == 0
    before = len(own.log())
    ids = [one["agentId"] for one in own.restart().agents.list_agents()["agentSummaries"]]
    until(lambda: "tennis-booking" in own.log()[before:], "the block at the start")
    assert json.loads(own.run("session", "list", "-o", "json").stdout)["sessions"].__len__() == 1
    assert own.terminate() == 0
    own.restart()
    assert [one["agentId"] for one in own.agents.list_agents()["agentSummaries"]] == ids, "ids of a template are the same in every run"
    assert not re.search(r"^ +you ", own.log()[before:], re.M)


def test_no_play(new_server):
    server = new_server("dev", "--example", "tennis", "--no-play", config="").start()
    chat = server.run("chat", "tennis-booking", "Book me a court for tomorrow at 3pm")
    assert chat.returncode == 0 and confirmations(chat.stdout)
    sessions = json.loads(server.run("session", "list", "-o", "json").stdout)["sessions"]
    assert len(sessions) == 1, "nothing was said before"


def test_a_saved_file_is_applied(new_server, tmp_path):
    house = tmp_path / "house"
    (house / "tools").mkdir(parents=True)
    for path in (ROOT / "examples" / "tennis").rglob("*"):
        if path.suffix in (".py", ".yaml") and "__pycache__" not in path.parts:
            target = house / path.relative_to(ROOT / "examples" / "tennis")
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    server = new_server("dev", str(house / "template.yaml"), config="").start()
    (one,) = server.agents.list_agents()["agentSummaries"]
    assert server.run("invoke", "agent/tennis-booking@live", "hello").returncode == 0
    template = house / "template.yaml"
    text = template.read_text()
    template.write_text(text.replace("Books tennis courts for the members of a club.", "Books courts and talks about it."))
    look = lambda: server.agents.get_agent(agentId=one["agentId"])["agent"]["description"]  # noqa: E731
    until(lambda: look() == "Books courts and talks about it.", lambda: f"the new description; the log:\n{server.log()}")
    # The alias follows: what was saved is what answers.
    instruction = text.replace("You book tennis courts for the members of a club.", "You book tennis courts, politely, for the members of a club.")
    template.write_text(instruction)
    seen = lambda: server.run("invoke", "agent/tennis-booking@live", "hello", "-o", "json").stdout  # noqa: E731
    until(lambda: "politely" in seen(), lambda: f"the new instruction behind the alias; the log:\n{server.log()}")
    # So do the tools.
    tools = house / "tools" / "app.py"
    tools.write_text(tools.read_text().replace('"check_availability":\n', '"check_availability":\n            return 1 / 0\n'))
    until(lambda: server.run("invoke", "agent/tennis-booking", "Book me a court for tomorrow at 3pm").returncode == 1, "the new code of the tool")
    # A mistake names file and line, and what was applied before goes on.
    template.write_text(text.replace("AgentName:", "AgentNamed:"))
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "AgentName:" in line)
    until(lambda: f"template.yaml:{line}" in server.log(), lambda: f"a mistake in line {line}; the log:\n{server.log()}")
    template.write_text(text.replace("Books tennis courts for the members of a club.", "Third."))
    until(lambda: look() == "Third.", "what was mended")


# --- book.py


def test_the_script_books_a_court(quiet, tmp_path):
    ids, said = book_py(quiet, tmp_path, "Book me a court for tomorrow at 3pm", "--cleanup")
    assert said.index("call    check_availability(") < said.index("call    book_slot(")
    answer = said[said.index("agent   ") :]
    assert confirmations(answer) == ["C-1001"]
    assert "deleted agent and function" in said
    assert quiet.agents.list_agents()["agentSummaries"] == []
    assert quiet.functions.list_functions()["Functions"] == []


def test_the_conversation_goes_on_after_kill_9(quiet, tmp_path):
    ids, said = book_py(quiet, tmp_path, "Book me a court for tomorrow at 3pm", "--user", "ann")
    assert confirmations(said) == ["C-1001"]
    quiet.kill9()
    quiet.restart()
    go_on = ["--agent", ids["agentId"], "--alias", ids["agentAliasId"], "--session", ids["sessionId"], "--user", "ann"]
    again, said = book_py(quiet, tmp_path, "Book me a court for tomorrow at 4pm", *go_on)
    assert again == ids
    assert confirmations(said) == ["C-1002"]
    bookings = json.loads(next((tmp_path / "bookings").glob("*.json")).read_text()) if list((tmp_path / "bookings").glob("*.json")) else None
    if bookings is not None:
        assert "C-1001" in json.dumps(bookings) and "C-1002" in json.dumps(bookings)
    stored = json.loads(quiet.shown(ids["sessionId"]))
    assert [turn["text"] for turn in stored["turns"]] == ["Book me a court for tomorrow at 3pm", "Book me a court for tomorrow at 4pm"]


def test_killed_while_the_script_books(quiet, tmp_path):
    """The script is cut off at its first call; the turn ends without it, and the court is booked once."""
    ids, _ = book_py(quiet, tmp_path, "Which courts are free tomorrow at 9am?")
    folder = tmp_path / "bookings"
    go_on = ["--agent", ids["agentId"], "--alias", ids["agentAliasId"], "--session", ids["sessionId"], "--data", str(folder)]
    script = subprocess.Popen(
        [sys.executable, str(BOOK_PY), "Book me a court for tomorrow at 3pm", *go_on],
        env=environment(
            AWS_ENDPOINT_URL=quiet.url,
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in script.stdout:
        if line.startswith("  call "):
            break
    quiet.kill9()
    script.stdout.close()
    script.wait(30)
    quiet.restart()
    _, said = book_py(quiet, tmp_path, "Thank you", *go_on[:6])
    stored = json.loads(quiet.shown(ids["sessionId"]))
    booking = next(turn for turn in stored["turns"] if turn["text"] == "Book me a court for tomorrow at 3pm")
    assert booking["outcome"] == "answered"
    answer = next(event["chunk"]["text"] for event in booking["events"] if "chunk" in event)
    assert confirmations(answer) == ["C-1001"]


def test_the_tests_of_the_tools():
    ended = subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "-s", "examples/tennis"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr


# --- The verbs


@pytest.fixture(scope="module")
def tennis(tmp_path_factory):
    from support.server import Server

    server = Server(tmp_path_factory.mktemp("tennis"), "dev", ["--example", "tennis", "--no-play"]).start()
    yield server
    server.stop()


def test_chat(tennis):
    chat = tennis.run("chat", "tennis-booking", "Book me a court for tomorrow at 3pm")
    assert chat.returncode == 0, chat.stderr
    for word in ("check_availability(", "book_slot(", "ms", "tok", "session "):
        assert word in chat.stdout, word
    assert "\x1b" not in chat.stdout
    session = re.search(r"session (\S+)", chat.stdout)[1]
    again = tennis.run("chat", "tennis-booking@live", "Book me a court for tomorrow at 5pm", "--session", session)
    assert again.returncode == 0 and confirmations(again.stdout) != confirmations(chat.stdout)
    shown = tennis.run("session", "show", session)
    assert confirmations(shown.stdout) and shown.stdout.count("book_slot(") == 2


def test_chat_from_a_pipe(tennis):
    chat = tennis.run("chat", "tennis-booking", stdin="Book me a court for tomorrow at 10am\n/quit\n")
    assert chat.returncode == 0 and confirmations(chat.stdout), chat.stdout + chat.stderr


def test_chat_json_is_lines(tennis):
    chat = tennis.run("chat", "tennis-booking", "Which courts are free tomorrow at 8pm?", "-o", "json")
    assert chat.returncode == 0, chat.stderr
    assert all(isinstance(json.loads(line), dict) for line in chat.stdout.splitlines())


def test_invoke(tennis):
    invoked = tennis.run("invoke", "agent/tennis-booking", "Book me a court for tomorrow at 6pm")
    assert invoked.returncode == 0 and confirmations(invoked.stdout), invoked.stderr
    assert len(invoked.stdout.strip().splitlines()) == 1, "the answer and nothing else"
    invoked = tennis.run("invoke", "agent/tennis-booking@live", "-", "-o", "json", stdin="Book me a court for tomorrow at 7pm")
    events = [json.loads(line) for line in invoked.stdout.splitlines()]
    assert [next(iter(event)) for event in events] == ["trace"] * (len(events) - 1) + ["chunk"]
    streamed = tennis.run("invoke", "agent/tennis-booking", "Which courts are free tomorrow at 7pm?", "--stream", "-o", "json")
    assert len([line for line in streamed.stdout.splitlines() if line.startswith('{"chunk"')]) > 1


def test_session_list(tennis):
    tennis.run("invoke", "agent/tennis-booking", "hello", "--session", "a-session")
    listed = tennis.run("session", "list", "--agent", "tennis-booking")
    assert listed.returncode == 0 and "a-session" in listed.stdout and "tennis-booking" in listed.stdout
    short = tennis.run("session", "ls", "--limit", "1", "-o", "json")
    assert [one["sessionId"] for one in json.loads(short.stdout)["sessions"]] == ["a-session"]
    missing = tennis.run("session", "show", "nothing-of-this-name")
    assert missing.returncode == 1 and "nothing-of-this-name" in missing.stderr


def test_env(tennis):
    printed = tennis.run("env")
    assert f"export AWS_ENDPOINT_URL={tennis.url}" in printed.stdout.splitlines()
    script = "import boto3; print(boto3.client('bedrock-agent').list_agents()['agentSummaries'][0]['agentName'])"
    ran = tennis.run("env", "--", sys.executable, "-c", script)
    assert ran.stdout.strip() == "tennis-booking", ran.stderr
    assert tennis.run("env", "--", sys.executable, "-c", "import sys; sys.exit(7)").returncode == 7


def test_version(tennis):
    printed = tennis.run("version")
    assert printed.returncode == 0 and re.match(r"bedplate \d+\.\d+\.\d+", printed.stdout)
    assert json.loads(tennis.run("version", "-o", "json").stdout)["server"]["url"] == tennis.url
    alone = run("version", BEDPLATE_URL="http://127.0.0.1:1")
    assert alone.returncode == 0 and alone.stdout.startswith("bedplate ")


def test_the_server_is_found_by_its_note(tennis, tmp_path):
    """Without BEDPLATE_URL: .bedplate/server.json of this folder or one above."""
    (tmp_path / ".bedplate").mkdir()
    (tmp_path / ".bedplate" / "server.json").write_text(tennis.note().read_text())
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert run("session", "list", cwd=below).returncode == 0
    by_flag = run("session", "list", "--url", tennis.url, cwd=tmp_path.parent)
    assert by_flag.returncode == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["chat", "nobody", "hi"], 1, ["nobody", "tennis-booking"]),
        (["invoke", "tennis-booking", "hi"], 2, ["agent/"]),
        (["invoke", "agent/tennis-booking@nothing", "hi"], 1, ["nothing"]),
        (["chat"], 2, ["AGENT"]),
        (["nonsense"], 2, ["nonsense"]),
        (["session", "list", "--url", "http://127.0.0.1:1"], 1, ["127.0.0.1:1"]),
    ],
)
def test_mistakes_of_the_command_line(tennis, args, code, words):
    ended = tennis.run(*args)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == "" and all(word in ended.stderr for word in words), ended.stderr
    assert "panicked" not in ended.stderr


def test_no_server(tmp_path):
    ended = run("session", "list", cwd=tmp_path)
    assert ended.returncode == 1 and "bedplate dev" in ended.stderr, ended.stderr


def test_chat_asks_before_it_acts(server, model, ledger):
    arn = function(server, BOOK, ledger.variables())
    careful = agent(server, {"rooms": (arn, schema("book", confirm=["book"], room="string"))})
    # Without a terminal nobody can be asked: it fails and names the flags.
    model.will(call("rooms__book", {"room": "blue"}))
    alone = server.run("chat", careful.name, "book blue")
    assert alone.returncode != 0 and "--approve" in alone.stderr, alone.stderr
    assert ledger.lines() == []
    model.will(call("rooms__book", {"room": "red"}), say("Booked red."))
    approved = server.run("chat", careful.name, "book red", "--approve")
    assert approved.returncode == 0 and "Booked red." in approved.stdout, approved.stderr
    assert [line["arguments"] for line in ledger.lines()] == [{"room": "red"}]
    model.will(call("rooms__book", {"room": "green"}), say("As you like."))
    denied = server.run("chat", careful.name, "book green", "--deny")
    assert denied.returncode == 0 and "As you like." in denied.stdout
    assert len(ledger.lines()) == 1


def test_chat_gives_results_for_the_client(server, model):
    remote = agent(server, {"desk": ("RETURN_CONTROL", schema("ring"))})
    model.will(call("desk__ring"), say("They come."))
    chat = server.run("chat", remote.name, "ring", "--result", "rung")
    assert chat.returncode == 0 and "They come." in chat.stdout, chat.stderr


def test_invoke_answers_control(server, model):
    remote = agent(server, {"desk": ("RETURN_CONTROL", schema("ring"))})
    model.will(call("desk__ring"), say("They come."))
    asked = server.run("invoke", f"agent/{remote.name}", "ring", "-o", "json", "--session", "bell")
    control = json.loads(asked.stdout.splitlines()[-1])["returnControl"]
    result = {"functionResult": {"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}}
    state = json.dumps({"invocationId": control["invocationId"], "returnControlInvocationResults": [result]})
    answered = server.run("invoke", f"agent/{remote.name}", "--session", "bell", "--session-state", state)
    assert answered.stdout.strip() == "They come.", answered.stderr


def test_a_failed_turn_fails_the_verb(server, model):
    made = agent(server, {"g": (function(server, "def handler(event, context):\n    raise ValueError('no')"), schema("f"))})
    for verb in (["chat", made.name], ["invoke", f"agent/{made.name}"]):
        model.will(call("g__f"))
        ended = server.run(*verb, "go")
        assert ended.returncode == 1 and "Received failed response from API execution" in ended.stderr, (verb, ended.stderr)
