"""Terraform with AWS's provider, unmodified: apply, an empty second plan, a change, destroy.

The provider is not on a package index. TERRAFORM_PLUGINS names a folder that holds it, as `terraform providers mirror` makes one.
"""

import json
import os
import shutil
import subprocess

import pytest

from support.agents import Agent, refused, unique
from support.double import call, say
from support.installed import SOURCES
from support.ledger import zip_of
from support.server import environment

TOOL = """
def handler(event, context):
    body = {"TEXT": {"body": event["parameters"][0]["value"] + " is free"}}
    done = {"actionGroup": event["actionGroup"], "function": event["function"], "functionResponse": {"responseBody": body}}
    return {"messageVersion": "1.0", "response": done}
"""
PLUGINS = os.environ.get("TERRAFORM_PLUGINS")

pytestmark = [
    pytest.mark.skipif(not (PLUGINS and shutil.which("terraform")), reason="needs terraform, and TERRAFORM_PLUGINS with AWS's provider"),
    # The provider takes ten seconds of a busy machine for each of the seven commands.
    pytest.mark.timeout(400),
]


@pytest.fixture
def terraform(server, tmp_path):
    folder = tmp_path / "terraform"
    folder.mkdir()
    shutil.copy(SOURCES / "terraform" / "main.tf", folder)
    (folder / "app.zip").write_bytes(zip_of(TOOL))
    name = unique("tf")

    def run(verb, *words, code=0, **variables):
        more = {"endpoint": server.url, "lambda": "app.zip", "name": name, **variables} if verb in ("apply", "plan", "destroy") else {}
        command = ["terraform", verb, "-no-color", *words, *(f"-var={key}={value}" for key, value in more.items())]
        quiet = environment(CHECKPOINT_DISABLE="1", TF_IN_AUTOMATION="1", TF_CLI_CONFIG_FILE=os.devnull)
        ended = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, text=True, timeout=180)
        assert ended.returncode == code, ended.stdout[-3000:] + ended.stderr[-3000:]
        return ended.stdout

    run("init", "-input=false", f"-plugin-dir={PLUGINS}")
    return run


def test_apply_an_empty_plan_a_change_and_destroy(terraform, server, model):
    terraform("apply", "-input=false", "-auto-approve")
    terraform("plan", "-input=false", "-detailed-exitcode")
    made = {name: one["value"] for name, one in json.loads(terraform("output", "-json")).items()}
    model.will(call("rooms__look", {"room": "Alcove"}), say("It is free."))
    turn = Agent(server, made["agent_id"], "tf", made["alias_id"], unique("session")).ask("Is the Alcove free?")
    assert (turn.observed(), turn.answer) == (["Alcove is free"], "It is free.")

    changed = {"description": "Looks rooms up, by day."}
    assert "2 to change" not in terraform("plan", "-input=false", "-detailed-exitcode", code=2, **changed)
    terraform("apply", "-input=false", "-auto-approve", **changed)
    terraform("plan", "-input=false", "-detailed-exitcode", **changed)
    agent = server.agents.get_agent(agentId=made["agent_id"])["agent"]
    assert (agent["description"], agent["agentStatus"]) == ("Looks rooms up, by day.", "PREPARED")

    terraform("destroy", "-input=false", "-auto-approve", **changed)
    assert refused(server.agents.get_agent, agentId=made["agent_id"])[0] == "ResourceNotFoundException"
