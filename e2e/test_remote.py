"""The verbs towards a server that other machines reach: signed with the shell's key, and told what is missing without one."""

import json
import socket

import boto3
import pytest

from support.agents import agent
from support.double import say
from support.server import REGION, Server, run
from support.wait import until

KEY, SECRET = "AKIDTEAM", "a-secret-of-the-team-that-is-long"
SIGNED = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
KEYS = f"""
[keys.team]
access_key = "{KEY}"
secret_env = "TEAM_SECRET"
admin = true

[keys.guest]
access_key = "AKIDGUEST"
secret_env = "TEAM_SECRET"
"""


def address():
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found = probe.getsockname()[0]
    return None if found.startswith("127.") else found


@pytest.fixture(scope="module")
def remote(double, tmp_path_factory):
    """A server with keys and an agent on it, and its address as seen from elsewhere."""
    here = address()
    if here is None:
        pytest.skip("this machine has no address but loopback")
    folder = tmp_path_factory.mktemp("remote")
    server = Server(folder, flags=("--host", "0.0.0.0"), config=double.config(KEYS), variables={"TEAM_SECRET": SECRET})
    server.start()
    session = boto3.Session(KEY, SECRET, region_name=REGION)
    server.agents, server.runtime = (session.client(name, endpoint_url=server.url) for name in ("bedrock-agent", "bedrock-agent-runtime"))
    made = agent(server, {})
    yield f"http://{here}:{server.port}", made
    server.stop()


def test_verbs_sign_with_the_keys_of_the_shell(remote, model):
    url, made = remote
    model.will(say("Good morning."), say("Good night."))
    said = run("chat", made.name, "hello", "--session", "s:1", "--url", url, **SIGNED)
    assert said.returncode == 0 and "Good morning." in said.stdout, said.stderr
    said = run("invoke", f"agent/{made.name}", "bye", "--session", "s:1", "--url", url, AWS_REGION="us-east-1", **SIGNED)
    assert said.returncode == 0 and said.stdout == "Good night.\n", said.stderr
    listed = json.loads(run("session", "list", "-o", "json", "--url", url, **SIGNED).stdout.splitlines()[0])
    assert "s:1" in json.dumps(listed)
    shown = run("session", "show", "s:1", "--raw", "--url", url, **SIGNED)
    assert shown.returncode == 0 and "Good morning." in shown.stdout and SECRET not in shown.stdout
    assert run("version", "--url", url, **SIGNED).stdout.splitlines()[1].startswith("server ")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, ["MissingAuthenticationToken", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "admin = true"]),
        ({**SIGNED, "AWS_SECRET_ACCESS_KEY": "another-secret-altogether"}, ["InvalidSignature", f"signed with AWS_ACCESS_KEY_ID={KEY}"]),
        ({**SIGNED, "AWS_ACCESS_KEY_ID": "AKIDNOBODY"}, ["UnrecognizedClient", "AKIDNOBODY"]),
        ({**SIGNED, "AWS_SESSION_TOKEN": "stale"}, ["UnrecognizedClient"]),
        ({**SIGNED, "AWS_ACCESS_KEY_ID": "AKIDGUEST"}, ["keys.guest", "admin = true"]),
    ],
    ids=["no key", "another secret", "unknown key", "a token too many", "no admin"],
)
def test_a_refusal_says_what_would_be_right(remote, keys, told):
    url, made = remote
    for verb in (["session", "list"], ["chat", made.name, "hello"], ["clock", "advance", "1s"], ["why", "x"], ["env"]):
        said = run(*verb, "--url", url, **keys)
        assert said.returncode == 1 and said.stdout == "", (verb, said.stdout)
        for piece in told:
            assert piece in said.stderr, (verb, said.stderr)
        for secret in keys.values():
            assert secret not in said.stderr or secret.startswith("AKID"), verb


def test_env_leaves_the_keys_of_the_shell_alone(remote):
    url, _ = remote
    said = run("env", "--url", url, **SIGNED)
    assert f"AWS_ENDPOINT_URL={url}" in said.stdout and "ACCESS_KEY" not in said.stdout, said.stderr
    listed = run("env", "--url", url, "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID $AWS_ENDPOINT_URL", **SIGNED)
    assert listed.stdout.split() == [KEY, url]


def test_dev_plays_its_example_where_keys_are_asked_for(new_server):
    server = new_server("dev", "--example", "tennis", config=KEYS, variables={"TEAM_SECRET": SECRET}).start()
    until(lambda: "5  answer" in server.log() or "could not" in server.log(), lambda: f"the first conversation:\n{server.log()}")
    said = server.log()
    assert "could not" not in said and "Booked" in said
    assert "AWS_ACCESS_KEY_ID=local" not in said and SECRET not in said
