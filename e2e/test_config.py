"""Flags, variables and bedplate.toml: what is wrong is said with its place, and at once."""

import json
import socket

import pytest

from support.agents import agent, refused
from support.double import say
from support.server import run

MISTAKES = {
    "unknown table": ("[sever]\nregion = 'x'\n", 1, ["sever", "server"]),
    "unknown key": ("[server]\nacount = '1'\n", 2, ["acount", "account"]),
    "unknown key of a provider": (
        "[providers.double]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:1/v1'\napi_key = 'sk-hidden'\n",
        4,
        ["api_key", "api_key_env"],
    ),
    "unknown kind": ("[providers.double]\nkind = 'opanai'\n", 2, ["opanai", "openai"]),
    "a duration without a unit": ("[providers.double]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:1'\nidle_timeout = '60'\n", 4, ["60", "60s"]),
    "a wrong type": ("[server]\nregion = 7\n", 2, ["region", "string"]),
    "an account of letters": ("[server]\n\naccount = 'me'\n", 3, ["account", "twelve digits"]),
    "not toml": ("[server\n", 1, []),
    "twice": ("[server]\nregion = 'a'\nregion = 'b'\n", 3, ["region"]),
    "a route without a target": ("[[route]]\nmodel = '*'\n", 1, ["to"]),
    "a route to nobody": ("\n[[route]]\nmodel = '*'\nto = ['nobody/model']\n", 2, ["nobody", "[[route]] number 1"]),
    "a route without a model": ("\n\n[[route]]\nmodel = '*'\nto = ['ollama']\n", 3, ["provider/model"]),
    "an address that is none": ("[server]\n[providers.d]\nkind = 'openai'\nbase_url = 'x'\n[[route]]\nmodel = '*'\nto = ['d/x']\n", 2, ["base_url"]),
    "a key that is not set": (
        "[providers.d]\nkind = 'openai'\nbase_url = 'http://127.0.0.1:1'\napi_key_env = 'NOT_SET'\n[[route]]\nmodel = '*'\nto = ['d/x']\n",
        1,
        ["NOT_SET"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_with_its_place(tmp_path, name):
    text, line, words = MISTAKES[name]
    path = tmp_path / "bedplate.toml"
    path.write_text(text)
    for args in (["--config", str(path)], []):
        ended = run("serve", "--port", "0", "--state", tmp_path / "state", *args, cwd=tmp_path, timeout=20)
        assert ended.returncode not in (0, -9), ended.stderr
        assert "bedplate.toml" in ended.stderr and all(word in ended.stderr for word in words), ended.stderr
        assert line is None or f"bedplate.toml:{line}" in ended.stderr, ended.stderr
        assert "panicked" not in ended.stderr and "sk-hidden" not in ended.stderr


def test_a_config_that_is_not_there(tmp_path):
    ended = run("serve", "--port", "0", "--config", tmp_path / "none.toml", cwd=tmp_path)
    assert ended.returncode != 0 and "none.toml" in ended.stderr


def test_an_upstream_that_makes_no_sense(tmp_path):
    for args, variables in ((["--upstream", "localhost"], {}), ([], {"BEDPLATE_UPSTREAM": "ftp://127.0.0.1"})):
        ended = run("serve", "--port", "0", "--state", tmp_path / "state", *args, cwd=tmp_path, **variables)
        assert ended.returncode != 0 and "upstream" in ended.stderr, ended.stderr


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("serve", "--port", port, "--state", tmp_path / "state", cwd=tmp_path)
    assert ended.returncode != 0
    assert str(port) in ended.stderr and "in use" in ended.stderr and "--port" in ended.stderr, ended.stderr


def test_two_servers_on_one_state(new_server):
    first = new_server().start()
    ended = run("serve", "--port", "0", "--state", first.state, cwd=first.folder)
    assert ended.returncode != 0
    assert str(first.state) in ended.stderr, ended.stderr
    assert "panicked" not in ended.stderr
    assert first.note().exists() and first.agents.list_agents()["agentSummaries"] == []


def test_a_state_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    ended = run("serve", "--port", "0", "--state", tmp_path / "file" / "state", cwd=tmp_path)
    assert ended.returncode != 0 and "file" in ended.stderr and "panicked" not in ended.stderr


def test_port_0_is_told(new_server):
    server = new_server("dev", config="").start()
    assert server.port > 0
    assert server.url in server.log(), "the port that was picked is printed"
    note = json.loads(server.note().read_text())
    assert note == {"url": server.url, "pid": server.process.pid}


def test_variables_stand_for_flags(new_server, tmp_path):
    config = tmp_path / "other.toml"
    config.write_text("[server]\naccount = '123456789012'\nregion = 'eu-central-1'\n")
    server = new_server(config=None, variables={"BEDPLATE_CONFIG": str(config)})
    server.config = None
    server.start()
    made = server.client("bedrock-agent").create_agent(agentName="x")["agent"]
    assert made["agentArn"].split(":")[4] == "123456789012"


def test_ephemeral_forgets(new_server, model):
    server = new_server("serve", "--ephemeral").start()
    model.will(say("hi"))
    assert agent(server).ask("hello").answer == "hi"
    assert server.terminate() == 0
    server.restart()
    assert server.agents.list_agents()["agentSummaries"] == []
    assert sorted(path.name for path in server.state.iterdir()) == ["server.json"], "nothing is left on disk"


def test_serve_has_no_default_model(new_server):
    """In serve an id without a route is an error that says what to configure; dev falls back to the planner and says so once."""
    server = new_server("serve", config="").start()
    turn = agent(server).ask("hello")
    message = turn.error.response["Error"]["Message"]
    assert "[[route]]" in message and "anthropic.claude" in message, message
    dev = new_server("dev", config="").start()
    made = agent(dev)
    assert made.ask("hello").error is None and made.ask("hello again").error is None
    assert dev.log().count("is answered by builtin/planner") == 1


def test_routes(new_server, model):
    """First match wins; ARNs and inference profiles are matched by their model."""
    config = model.config().split("[[route]]")[0] + (
        '[[route]]\nmodel = "anthropic.claude-3-5-*"\nto = ["double/sonnet"]\n'
        '[[route]]\nmodel = "meta.*"\nto = ["builtin/echo"]\n'
        '[[route]]\nmodel = "*"\nto = ["double/rest"]\n'
    )
    server = new_server(config=config).start()
    for given, asked in [
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "sonnet"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "sonnet"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-haiku-20241022-v1:0", "sonnet"),
        ("arn:aws:bedrock:us-east-1:000000000000:inference-profile/eu.anthropic.claude-3-5-sonnet-20241022-v2:0", "sonnet"),
        ("amazon.nova-pro-v1:0", "rest"),
    ]:
        made = agent_of(server, given)
        model.will(say("ok"))
        assert made.ask("hello").answer == "ok"
        assert model.requests[-1]["model"] == asked, given
    assert agent_of(server, "meta.llama3-1-70b-instruct-v1:0").ask("say this").answer == "say this"


def agent_of(server, model):
    made = agent(server)
    server.agents.update_agent(
        agentId=made.id, agentName=made.name, foundationModel=model, instruction="You help people. " * 3, agentResourceRoleArn="arn:aws:iam::000000000000:role/r"
    )
    return made.prepare()


def test_a_script_answers(new_server, tmp_path):
    (tmp_path / "server-0").mkdir()
    (tmp_path / "server-0" / "answers.yaml").write_text("- text: from the file\n- text: and again\n")
    server = new_server(config='script = "answers.yaml"\n[[route]]\nmodel = "*"\nto = ["builtin/script"]\n').start()
    made = agent(server)
    assert [made.ask("hello").answer, made.ask("more").answer] == ["from the file", "and again"]


def test_strict_limits(new_server):
    """Strict mode has no extensions: names do not stand for ids."""
    server = new_server("serve", "--strict").start()
    made = agent(server)
    made.publish("live")
    code, _, status = refused(server.runtime.invoke_agent, agentId=made.id, agentAliasId="AgentTestAlias", sessionId="ss", inputText="hi")
    assert status in (400, 404) and code in ("ResourceNotFoundException", "ValidationException")
    assert json.loads(server.run("version", "-o", "json").stdout)["server"]["about"]["strict"] is True


@pytest.mark.parametrize("args", [["--port", "99999"], ["--host", "nowhere"], ["--nonsense"], ["--state"]])
def test_wrong_flags(tmp_path, args):
    ended = run("serve", *args, cwd=tmp_path)
    assert ended.returncode == 2 and args[0] in ended.stderr


def test_help_names_what_there_is():
    shown = run("-h").stdout
    for verb in ("dev", "serve", "chat", "invoke", "env", "session", "version"):
        assert verb in shown
