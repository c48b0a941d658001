"""The AWS CLI, unmodified. It has no command for a stream of events, so it makes and looks at agents and boto3 talks to them."""

import json

import pytest

from support.agents import MODEL, ROLE, Agent, function, schema, unique
from support.double import call, say
from support.installed import aws
from support.ledger import BOOK, zip_of


@pytest.fixture(scope="module")
def cli():
    return aws()


def test_an_agent_from_nothing_to_nothing(cli, server, model, ledger):
    arn, name = function(server, BOOK, ledger.variables()), unique("cli")
    control = lambda *words, **more: cli(server, "bedrock-agent", *words, **more)  # noqa: E731
    instruction = "You look rooms up and never guess, not even once."
    made = control("create-agent", "--agent-name", name, "--foundation-model", MODEL, "--agent-resource-role-arn", ROLE,
                   "--instruction", instruction, "--idle-session-ttl-in-seconds", 900, "--tags", "team=front,stage=test")["agent"]  # fmt: skip
    agent_id = made["agentId"]
    got = control("get-agent", "--agent-id", agent_id)["agent"]
    assert (got["agentName"], got["agentStatus"], got["instruction"]) == (name, "NOT_PREPARED", instruction)
    assert (got["idleSessionTTLInSeconds"], got["foundationModel"], got["agentResourceRoleArn"]) == (900, MODEL, ROLE)
    assert control("list-tags-for-resource", "--resource-arn", got["agentArn"])["tags"] == {"team": "front", "stage": "test"}
    group = control("create-agent-action-group", "--agent-id", agent_id, "--agent-version", "DRAFT", "--action-group-name", "rooms",
                    "--action-group-executor", f"lambda={arn}",
                    "--function-schema", json.dumps({"functions": schema("look", room="string")}))["agentActionGroup"]  # fmt: skip
    assert group["actionGroupState"] == "ENABLED"
    assert control("prepare-agent", "--agent-id", agent_id)["agentStatus"] == "PREPARING"
    alias = control("create-agent-alias", "--agent-id", agent_id, "--agent-alias-name", "live")["agentAlias"]["agentAliasId"]

    model.will(call("rooms__look", {"room": "A"}), say("It is free."))
    assert Agent(server, agent_id, name, alias, unique("session")).ask("Is A free?").answer == "It is free."

    listed = control("list-agents", "--page-size", 1, "--query", f"agentSummaries[?agentName=='{name}'].agentStatus | [0]")
    assert listed == "PREPARED"
    versions = control("list-agent-versions", "--agent-id", agent_id, "--max-items", 1)
    assert len(versions["agentVersionSummaries"]) == 1 and versions["NextToken"]
    rest = control("list-agent-versions", "--agent-id", agent_id, "--starting-token", versions["NextToken"])
    both = versions["agentVersionSummaries"] + rest["agentVersionSummaries"]
    assert sorted(one["agentVersion"] for one in both) == ["1", "DRAFT"]
    skeleton = control("create-agent", "--generate-cli-skeleton", "input")
    assert {"agentName", "instruction"} <= set(skeleton)

    # What get-agent gave goes back as an update, as scripts do it.
    sent = {key: got[key] for key in ("agentId", "agentName", "agentResourceRoleArn", "foundationModel", "instruction")}
    updated = control("update-agent", "--cli-input-json", json.dumps({**sent, "description": "Looks rooms up."}))
    assert updated["agent"]["description"] == "Looks rooms up."

    control("delete-agent-alias", "--agent-id", agent_id, "--agent-alias-id", alias)
    assert control("delete-agent", "--agent-id", agent_id, "--skip-resource-in-use-check")["agentStatus"] == "DELETING"
    control("get-agent", "--agent-id", agent_id, fails="(ResourceNotFoundException) when calling the GetAgent operation")


def test_a_model_is_asked(cli, server, model, tmp_path):
    model.will(say("Hello."), say("Hello again."))
    messages = json.dumps([{"role": "user", "content": [{"text": "Hi"}]}])
    got = cli(server, "bedrock-runtime", "converse", "--model-id", MODEL, "--messages", messages, "--inference-config", "maxTokens=20,temperature=0.5")
    assert got["output"]["message"]["content"] == [{"text": "Hello."}]
    assert (model.requests[-1]["max_tokens"], model.requests[-1]["temperature"]) == (20, 0.5)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 20, "messages": [{"role": "user", "content": "Hi"}]}))
    answer = tmp_path / "answer.json"
    got = cli(server, "bedrock-runtime", "invoke-model", "--model-id", MODEL, "--body", f"fileb://{body}", "--content-type", "application/json", answer)
    assert got["contentType"] == "application/json"
    assert json.loads(answer.read_text())["content"] == [{"type": "text", "text": "Hello again."}]
    found = cli(server, "bedrock", "list-foundation-models", "--by-provider", "anthropic", "--query", "modelSummaries[].modelId")
    assert any(one.startswith("anthropic.") for one in found)
    refused = [{"role": "assistant", "content": [{"text": "Hi"}]}]
    cli(server, "bedrock-runtime", "converse", "--model-id", MODEL, "--messages", json.dumps(refused), fails="(ValidationException)")


def test_a_function_is_made_invoked_and_deleted(cli, server, tmp_path):
    name, package, answer = unique("cli"), tmp_path / "app.zip", tmp_path / "answer.json"
    package.write_bytes(zip_of("def handler(event, context):\n    return {'seen': event, 'name': context.function_name}\n"))
    cli(server, "lambda", "create-function", "--function-name", name, "--runtime", "python3.12", "--handler", "app.handler",
        "--role", ROLE, "--zip-file", f"fileb://{package}", "--timeout", 20)  # fmt: skip
    cli(server, "lambda", "wait", "function-active-v2", "--function-name", name)
    payload = tmp_path / "event.json"
    payload.write_text('{"room": "A"}')
    got = cli(server, "lambda", "invoke", "--function-name", name, "--payload", f"fileb://{payload}", answer)
    assert got["StatusCode"] == 200 and json.loads(answer.read_text()) == {"seen": {"room": "A"}, "name": name}
    cli(server, "lambda", "delete-function", "--function-name", name)
    cli(server, "lambda", "get-function", "--function-name", name, fails="(ResourceNotFoundException)")


def test_who_am_i(cli, server):
    got = cli(server, "sts", "get-caller-identity")
    assert got["Account"] == "000000000000" and got["Arn"].startswith("arn:aws:")
