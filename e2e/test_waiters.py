"""Waiting for states as Terraform's provider and langchain-aws wait: which states they see, and where they stop.

Both read a state with Get and compare it with two lists: states to wait through, and states to end in. Any other state is a failure. The pauses
between two looks are left out here; the number of looks is theirs.
"""

import pytest
from botocore.exceptions import ClientError

from support.agents import INSTRUCTION, MODEL, ROLE, schema, unique

# Terraform looks until its time-out; more looks than these would be a state that never ends.
LOOKS = 50
# langchain-aws gives an agent ten seconds and looks every two.
LANGCHAIN_LOOKS = 5


@pytest.fixture
def agents(server):
    return server.agents


def wait(look, pending, target, looks=LOOKS):
    """The states that were seen, the last of them one of target. Gone is the state of what answers 404."""
    seen = []
    for _ in range(looks):
        try:
            state = look()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            state = "gone"
        if not seen or seen[-1] != state:
            seen.append(state)
        if state in target:
            return seen
        assert state in pending, f"unexpected state {state!r}, wanted one of {target}; last: {seen}"
    raise AssertionError(f"still in {seen[-1]} after {looks} looks")


def agent_state(agents, made):
    return lambda: agents.get_agent(agentId=made["agentId"])["agent"]["agentStatus"]


def alias_state(agents, alias):
    names = {name: alias[name] for name in ("agentId", "agentAliasId")}
    return lambda: agents.get_agent_alias(**names)["agentAlias"]["agentAliasStatus"]


def create(agents, **more):
    sent = {"agentName": unique(), "agentResourceRoleArn": ROLE, "foundationModel": MODEL, "instruction": INSTRUCTION, **more}
    return agents.create_agent(**sent)["agent"]


def group(agents, made, name="rooms"):
    return agents.create_agent_action_group(
        agentId=made["agentId"],
        agentVersion="DRAFT",
        actionGroupName=name,
        actionGroupExecutor={"customControl": "RETURN_CONTROL"},
        functionSchema={"functions": schema("look")},
    )["agentActionGroup"]


def prepare(agents, made):
    response = agents.prepare_agent(agentId=made["agentId"])
    assert response["agentStatus"] == "PREPARING" and response["agentVersion"] == "DRAFT" and response["preparedAt"]
    return wait(agent_state(agents, made), {"NOT_PREPARED", "PREPARING"}, {"PREPARED"})


# --- Terraform


def test_terraform_applies_updates_and_destroys_an_agent(agents):
    made = create(agents)
    state = agent_state(agents, made)
    assert made["agentStatus"] == "CREATING"
    # An agent that is PREPARED right after its creation would be an error to Terraform.
    assert wait(state, {"CREATING"}, {"NOT_PREPARED"}) == ["NOT_PREPARED"]
    assert prepare(agents, made) == ["PREPARED"]
    # The provider reads the prompts without asking whether they are there, and drops the default ones.
    prompts = agents.get_agent(agentId=made["agentId"])["agent"]["promptOverrideConfiguration"]["promptConfigurations"]
    assert prompts and all(one["promptCreationMode"] == "DEFAULT" for one in prompts)
    updated = agents.update_agent(
        agentId=made["agentId"], agentName=made["agentName"], agentResourceRoleArn=ROLE, foundationModel=MODEL, instruction=INSTRUCTION
    )["agent"]
    assert updated["agentStatus"] == "UPDATING"
    assert wait(state, {"UPDATING"}, {"NOT_PREPARED", "PREPARED"}) == ["NOT_PREPARED"]
    assert prepare(agents, made) == ["PREPARED"]
    assert agents.delete_agent(agentId=made["agentId"], skipResourceInUseCheck=False)["agentStatus"] == "DELETING"
    assert wait(state, {"DELETING", "CREATING"}, {"gone"}) == ["gone"]


def test_terraform_prepares_after_an_action_group(agents):
    made = create(agents)
    prepare(agents, made)
    added = group(agents, made)
    state = agent_state(agents, made)
    assert state() == "NOT_PREPARED" and added["actionGroupState"] == "ENABLED"
    assert prepare(agents, made) == ["PREPARED"]
    names = {"agentId": made["agentId"], "agentVersion": "DRAFT", "actionGroupId": added["actionGroupId"]}
    agents.delete_agent_action_group(**names, skipResourceInUseCheck=True)
    assert state() == "NOT_PREPARED"
    assert wait(lambda: agents.get_agent_action_group(**names), set(), {"gone"}) == ["gone"]
    assert prepare(agents, made) == ["PREPARED"]


def test_terraform_prepares_side_by_side(agents, background):
    """Several action groups with prepare_agent at once: nobody is told that the agent is being prepared."""
    made = create(agents)

    def one(number):
        group(agents, made, f"g{number}")
        return agents.prepare_agent(agentId=made["agentId"])["agentStatus"]

    assert [started.result() for started in [background(one, number) for number in range(6)]] == ["PREPARING"] * 6
    # Whoever added the last group prepared after it.
    assert prepare(agents, made) == ["PREPARED"]
    listed = agents.list_agent_action_groups(agentId=made["agentId"], agentVersion="DRAFT")["actionGroupSummaries"]
    assert sorted(one["actionGroupName"] for one in listed) == [f"g{number}" for number in range(6)]


def test_terraform_applies_updates_and_destroys_an_alias(agents):
    made = create(agents)
    prepare(agents, made)
    alias = agents.create_agent_alias(agentId=made["agentId"], agentAliasName="live")["agentAlias"]
    state = alias_state(agents, alias)
    assert alias["agentAliasStatus"] == "CREATING"
    assert wait(state, {"CREATING"}, {"PREPARED"}) == ["PREPARED"]
    assert wait(agent_state(agents, made), {"VERSIONING"}, {"PREPARED"}) == ["PREPARED"]
    names = {"agentId": made["agentId"], "agentAliasId": alias["agentAliasId"]}
    updated = agents.update_agent_alias(**names, agentAliasName="live", description="new")["agentAlias"]
    assert updated["agentAliasStatus"] == "UPDATING"
    assert wait(state, {"UPDATING"}, {"PREPARED"}) == ["PREPARED"]
    assert wait(agent_state(agents, made), {"VERSIONING"}, {"PREPARED"}) == ["PREPARED"]
    assert agents.get_agent_alias(**names)["agentAlias"]["routingConfiguration"] == [{"agentVersion": "2"}]
    assert agents.delete_agent_alias(**names)["agentAliasStatus"] == "DELETING"
    assert wait(state, {"DELETING"}, {"gone"}) == ["gone"]


# --- langchain-aws


def test_langchain_creates_prepares_and_deletes(agents):
    made = create(agents)
    state = agent_state(agents, made)
    assert wait(state, {"CREATING"}, {"NOT_PREPARED"}, LANGCHAIN_LOOKS)[-1] == "NOT_PREPARED"
    agents.create_agent_action_group(
        agentId=made["agentId"],
        agentVersion="DRAFT",
        actionGroupName="UserInputAction",
        parentActionGroupSignature="AMAZON.UserInput",
        actionGroupState="ENABLED",
    )
    group(agents, made)
    agents.prepare_agent(agentId=made["agentId"])
    assert wait(state, {"PREPARING", "NOT_PREPARED"}, {"PREPARED"}, LANGCHAIN_LOOKS)[-1] == "PREPARED"
    # It looks an agent up by its name through pages of a thousand.
    listed = agents.list_agents(maxResults=1000)["agentSummaries"]
    assert [one["agentStatus"] for one in listed if one["agentName"] == made["agentName"]] == ["PREPARED"]
    agents.delete_agent(agentId=made["agentId"])
    assert wait(state, {"DELETING"}, {"gone"}, LANGCHAIN_LOOKS)[-1] == "gone"


# --- everybody


def test_no_state_that_stays_ends_like_one_that_passes(agents):
    """The samples wait as long as a state ends in ING."""
    made = create(agents)
    seen = {agent_state(agents, made)()}
    prepare(agents, made)
    seen.add(agent_state(agents, made)())
    alias = agents.create_agent_alias(agentId=made["agentId"], agentAliasName="live")["agentAlias"]
    seen |= {agent_state(agents, made)(), alias_state(agents, alias)()}
    seen |= {one["agentStatus"] for one in agents.list_agents()["agentSummaries"]}
    seen |= {one["agentStatus"] for one in agents.list_agent_versions(agentId=made["agentId"])["agentVersionSummaries"]}
    seen |= {one["agentAliasStatus"] for one in agents.list_agent_aliases(agentId=made["agentId"])["agentAliasSummaries"]}
    assert seen == {"NOT_PREPARED", "PREPARED"}
