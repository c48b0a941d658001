"""The life of agents, action groups, versions and aliases, as SDKs, Terraform and langchain-aws drive it."""

import datetime
import re

import pytest
from botocore.exceptions import ClientError

from support.agents import INSTRUCTION, MODEL, ROLE, add_group, agent, alias_arn, function, refused, schema, settled, unique
from support.raw import request
from support.server import ACCOUNT, REGION, clients
from support.wait import until

NOT_FOUND = "Failed to retrieve resource because it doesn't exist. Retry the request with a different resource identifier"
ID = re.compile(r"[0-9A-Z]{10}")


@pytest.fixture
def agents(server):
    return server.agents


def create(agents, **more):
    return agents.create_agent(**{"agentName": unique(), "agentResourceRoleArn": ROLE, **more})["agent"]


def test_an_agent_comes_back_as_it_was_sent(server, agents):
    sent = {
        "agentName": unique("all"),
        "description": "Everything that can be said of an agent.",
        "foundationModel": MODEL,
        "instruction": INSTRUCTION,
        "agentResourceRoleArn": ROLE,
        "idleSessionTTLInSeconds": 1800,
        "customerEncryptionKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f",
        "guardrailConfiguration": {"guardrailIdentifier": "abcdef123456", "guardrailVersion": "DRAFT"},
        "memoryConfiguration": {"enabledMemoryTypes": ["SESSION_SUMMARY"], "storageDays": 7},
        "clientToken": unique("token") + "-" * 20 + "x",
    }
    response = agents.create_agent(**sent, tags={"team": "house"})
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    made = response["agent"]
    assert (made["agentStatus"], made["agentVersion"]) == ("CREATING", "DRAFT")
    assert (made["orchestrationType"], made["agentCollaboration"]) == ("DEFAULT", "DISABLED")
    assert ID.fullmatch(made["agentId"])
    assert made["agentArn"] == f"arn:aws:bedrock:{REGION}:{ACCOUNT}:agent/{made['agentId']}"
    assert isinstance(made["createdAt"], datetime.datetime)
    got = agents.get_agent(agentId=made["agentId"])["agent"]
    assert got["agentStatus"] == "NOT_PREPARED"
    assert {name: got.get(name) for name in sent} == sent
    assert "tags" not in got and "preparedAt" not in got
    assert agents.list_tags_for_resource(resourceArn=made["agentArn"])["tags"] == {"team": "house"}


def test_what_is_left_out_has_defaults(agents):
    got = agents.get_agent(agentId=create(agents)["agentId"])["agent"]
    assert got["idleSessionTTLInSeconds"] == 600
    assert "foundationModel" not in got and "instruction" not in got and "description" not in got


def test_get_shows_the_default_prompts(agents):
    """Terraform reads the list without asking whether it is there."""
    prompts = agents.get_agent(agentId=create(agents)["agentId"])["agent"]["promptOverrideConfiguration"]["promptConfigurations"]
    types = [one["promptType"] for one in prompts]
    assert types[:4] == ["PRE_PROCESSING", "ORCHESTRATION", "POST_PROCESSING", "KNOWLEDGE_BASE_RESPONSE_GENERATION"]
    for one in prompts:
        assert (one["promptCreationMode"], one["parserMode"]) == ("DEFAULT", "DEFAULT")
        assert one["basePromptTemplate"] and one["inferenceConfiguration"]["maximumLength"]
    states = {one["promptType"]: one["promptState"] for one in prompts}
    assert states["ORCHESTRATION"] == "ENABLED" and states["PRE_PROCESSING"] == states["POST_PROCESSING"] == "DISABLED"
    orchestration = next(one for one in prompts if one["promptType"] == "ORCHESTRATION")
    assert orchestration["inferenceConfiguration"] == {
        "temperature": 0.0,
        "topP": 1.0,
        "topK": 250,
        "maximumLength": 2048,
        "stopSequences": ["</invoke>", "</answer>", "</error>"],
    }


def test_an_update_replaces_everything(agents):
    guardrail = {"guardrailIdentifier": "abcdef123456", "guardrailVersion": "1"}
    made = create(agents, description="old", instruction=INSTRUCTION, guardrailConfiguration=guardrail, idleSessionTTLInSeconds=60)
    name = unique("renamed")
    response = agents.update_agent(agentId=made["agentId"], agentName=name, foundationModel=MODEL, agentResourceRoleArn=ROLE)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert response["agent"]["agentStatus"] == "UPDATING"
    got = agents.get_agent(agentId=made["agentId"])["agent"]
    assert (got["agentName"], got["agentStatus"], got["foundationModel"]) == (name, "NOT_PREPARED", MODEL)
    assert got["idleSessionTTLInSeconds"] == 600
    assert not {"description", "instruction", "guardrailConfiguration"} & set(got)
    assert got["createdAt"] == made["createdAt"] and got["updatedAt"] >= made["updatedAt"]
    # The old name is free again, the new one is not.
    create(agents, agentName=made["agentName"])
    assert refused(agents.create_agent, agentName=name)[0] == "ConflictException"


def test_names_are_unique(agents):
    name = create(agents)["agentName"]
    message = "Cannot create a new agent as an agent with the same name already exists."
    assert refused(agents.create_agent, agentName=name) == ("ConflictException", message, 409)
    with pytest.raises(agents.exceptions.ConflictException):
        agents.create_agent(agentName=name)


def test_a_client_token_makes_one_agent(agents):
    token = "a" * 40
    sent = {"agentName": unique("once"), "clientToken": unique("token") + token}
    first, second = agents.create_agent(**sent)["agent"], agents.create_agent(**sent)["agent"]
    assert first["agentId"] == second["agentId"] and second["agentStatus"] == "CREATING"
    assert second["clientToken"] == sent["clientToken"]
    code, _, status = refused(agents.create_agent, **{**sent, "description": "another"})
    assert (code, status) in [("ConflictException", 409), ("ValidationException", 400)]


def test_places_are_apart(server, agents):
    """Region comes from the signature; an agent is in one."""
    name = create(agents)["agentName"]
    elsewhere = clients(server.url, "eu-west-1")("bedrock-agent")
    made = elsewhere.create_agent(agentName=name)["agent"]
    assert made["agentArn"].startswith(f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:agent/")
    assert refused(agents.get_agent, agentId=made["agentId"]) == ("ResourceNotFoundException", NOT_FOUND, 404)


def test_pages_hold_what_was_asked_for(agents):
    made = {create(agents, description="listed")["agentId"] for _ in range(5)}
    pages = list(agents.get_paginator("list_agents").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["agentSummaries"]) <= 2 for page in pages)
    listed = [one["agentId"] for page in pages for one in page["agentSummaries"]]
    assert made <= set(listed) and len(listed) == len(set(listed))
    one = next(one for page in pages for one in page["agentSummaries"] if one["agentId"] in made)
    assert set(one) == {"agentId", "agentName", "agentStatus", "description", "updatedAt", "latestAgentVersion"}
    assert refused(agents.list_agents, nextToken="nonsense")[::2] == ("ValidationException", 400)


def test_a_deleted_agent_is_gone(server, agents):
    made = agent(server)
    add_group(server, made.id, "rooms", "RETURN_CONTROL", schema("look"))
    response = agents.delete_agent(agentId=made.id)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (response["agentId"], response["agentStatus"]) == (made.id, "DELETING")
    for call, more in [
        (agents.get_agent, {}),
        (agents.delete_agent, {}),
        (agents.prepare_agent, {}),
        (agents.list_agent_aliases, {}),
        (agents.list_agent_action_groups, {"agentVersion": "DRAFT"}),
        (server.runtime.invoke_agent, {"agentAliasId": "TSTALIASID", "sessionId": "gone", "inputText": "hello"}),
    ]:
        assert refused(call, agentId=made.id, **more) == ("ResourceNotFoundException", NOT_FOUND, 404)
    create(agents, agentName=made.name)


def test_an_agent_with_aliases_is_deleted_on_request_only(server, agents):
    made = agent(server)
    alias = made.publish("live")
    code, message, status = refused(agents.delete_agent, agentId=made.id)
    assert (code, status) == ("ConflictException", 409) and "live" in message
    agents.delete_agent_alias(agentId=made.id, agentAliasId=alias)
    agents.delete_agent(agentId=made.id)
    other = agent(server)
    other.publish("live")
    agents.delete_agent(agentId=other.id, skipResourceInUseCheck=True)
    assert refused(agents.get_agent, agentId=other.id)[0] == "ResourceNotFoundException"


def test_an_action_group_lives_on_draft(server, agents):
    made = agent(server)
    functions = schema("look", "book", confirm=["book"], room="string", nights="integer?")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rooms"
    group = agents.create_agent_action_group(
        agentId=made.id,
        agentVersion="DRAFT",
        actionGroupName="rooms",
        description="Rooms and nights.",
        actionGroupExecutor={"lambda": arn},
        functionSchema={"functions": functions},
    )["agentActionGroup"]
    assert ID.fullmatch(group["actionGroupId"])
    place = {"agentId": made.id, "agentVersion": "DRAFT", "actionGroupId": group["actionGroupId"]}
    got = agents.get_agent_action_group(**place)["agentActionGroup"]
    assert got["functionSchema"] == {"functions": functions}
    assert (got["actionGroupExecutor"], got["actionGroupState"], got["description"]) == ({"lambda": arn}, "ENABLED", "Rooms and nights.")
    # A change asks for another PrepareAgent.
    settled(server, made.id, "NOT_PREPARED")
    made.prepare()
    updated = agents.update_agent_action_group(
        **place, actionGroupName="halls", actionGroupState="DISABLED", actionGroupExecutor={"customControl": "RETURN_CONTROL"}
    )["agentActionGroup"]
    assert (updated["actionGroupName"], updated["actionGroupState"]) == ("halls", "DISABLED")
    assert "description" not in updated and "functionSchema" not in updated
    settled(server, made.id, "NOT_PREPARED")
    (summary,) = agents.list_agent_action_groups(agentId=made.id, agentVersion="DRAFT")["actionGroupSummaries"]
    assert (summary["actionGroupName"], summary["actionGroupState"]) == ("halls", "DISABLED")
    response = agents.delete_agent_action_group(**place)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(agents.get_agent_action_group, **place) == ("ResourceNotFoundException", NOT_FOUND, 404)


def test_an_enabled_action_group_is_not_deleted(server, agents):
    made = agent(server)
    group = add_group(server, made.id, "rooms", "RETURN_CONTROL", schema("look"))
    place = {"agentId": made.id, "agentVersion": "DRAFT", "actionGroupId": group["actionGroupId"]}
    code, message, status = refused(agents.delete_agent_action_group, **place)
    assert (code, status) == ("ConflictException", 409)
    assert message == (
        "ActionGroup with name rooms cannot be deleted when it is Enabled. "
        "Either use SkipResourceInUseCheckOnDelete flag or mark it as Disabled."
    )
    agents.delete_agent_action_group(**place, skipResourceInUseCheck=True)
    assert agents.list_agent_action_groups(agentId=made.id, agentVersion="DRAFT")["actionGroupSummaries"] == []


def test_group_names_are_unique_within_an_agent(server, agents):
    one, other = agent(server), agent(server)
    add_group(server, one.id, "rooms", "RETURN_CONTROL", schema("look"))
    add_group(server, other.id, "rooms", "RETURN_CONTROL", schema("look"))
    with pytest.raises(agents.exceptions.ConflictException):
        add_group(server, one.id, "rooms", "RETURN_CONTROL", schema("look"))


def test_built_in_groups_and_openapi_are_stored_and_refused_by_prepare(server, agents):
    made = create(agents, foundationModel=MODEL, instruction=INSTRUCTION)
    runs = agents.create_agent_action_group(
        agentId=made["agentId"], agentVersion="DRAFT", actionGroupName="CodeInterpreterAction", parentActionGroupSignature="AMAZON.CodeInterpreter"
    )["agentActionGroup"]
    assert runs["parentActionSignature"] == "AMAZON.CodeInterpreter"
    agents.create_agent_action_group(
        agentId=made["agentId"],
        agentVersion="DRAFT",
        actionGroupName="web",
        apiSchema={"payload": "{}"},
        actionGroupExecutor={"customControl": "RETURN_CONTROL"},
    )
    code, message, status = refused(agents.prepare_agent, agentId=made["agentId"])
    assert (code, status) == ("ValidationException", 400)
    assert "apiSchema" in message and "parentActionGroupSignature" in message


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"foundationModel": None}, "foundationModel"),
        ({"instruction": None}, "instruction"),
        ({"guardrailConfiguration": {"guardrailIdentifier": "abcdef123456", "guardrailVersion": "1"}}, "guardrailConfiguration"),
        ({"memoryConfiguration": {"enabledMemoryTypes": ["SESSION_SUMMARY"]}}, "memoryConfiguration"),
        (
            {
                "orchestrationType": "CUSTOM_ORCHESTRATION",
                "customOrchestration": {"executor": {"lambda": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:own"}},
            },
            "orchestrationType",
        ),
        (
            {
                "promptOverrideConfiguration": {
                    "promptConfigurations": [
                        {
                            "promptType": "ORCHESTRATION",
                            "promptCreationMode": "OVERRIDDEN",
                            "promptState": "ENABLED",
                            "basePromptTemplate": "$instruction$",
                            "inferenceConfiguration": {"maximumLength": 100},
                        }
                    ]
                }
            },
            "promptOverrideConfiguration",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_prepare_refuses_what_it_could_not_run(agents, sent, field):
    wanted = {"foundationModel": MODEL, "instruction": INSTRUCTION, **sent}
    made = create(agents, **{name: value for name, value in wanted.items() if value is not None})
    got = agents.get_agent(agentId=made["agentId"])["agent"]
    for name, value in sent.items():
        if value is not None and name != "promptOverrideConfiguration":
            assert got[name] == value
    with pytest.raises(agents.exceptions.ValidationException) as caught:
        agents.prepare_agent(agentId=made["agentId"])
    assert field in caught.value.response["Error"]["Message"]
    fields = [one["name"] for one in caught.value.response["fieldList"]]
    assert any(name.startswith(field) for name in fields)
    assert agents.get_agent(agentId=made["agentId"])["agent"]["agentStatus"] == "NOT_PREPARED"


def test_a_supervisor_needs_collaborators(agents):
    made = create(agents, foundationModel=MODEL, instruction=INSTRUCTION, agentCollaboration="SUPERVISOR")
    code, message, _ = refused(agents.prepare_agent, agentId=made["agentId"])
    assert code == "ValidationException"
    assert message == "The AgentCollaboration attribute is set to SUPERVISOR but no agent collaborators are added."


def test_prepare_answers_preparing(agents):
    made = create(agents, foundationModel=MODEL, instruction=INSTRUCTION)
    response = agents.prepare_agent(agentId=made["agentId"])
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (response["agentId"], response["agentStatus"], response["agentVersion"]) == (made["agentId"], "PREPARING", "DRAFT")
    got = agents.get_agent(agentId=made["agentId"])["agent"]
    assert got["agentStatus"] == "PREPARED" and got["preparedAt"] == response["preparedAt"]


def test_aliases_cut_versions(server, agents):
    made = agent(server, {"rooms": ("RETURN_CONTROL", schema("look"))})
    response = agents.create_agent_alias(agentId=made.id, agentAliasName="live", description="for all", tags={"stage": "live"})
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    alias = response["agentAlias"]
    assert alias["agentAliasStatus"] == "CREATING" and ID.fullmatch(alias["agentAliasId"])
    assert alias["agentAliasArn"] == alias_arn(made.id, alias["agentAliasId"])
    live = {"agentId": made.id, "agentAliasId": alias["agentAliasId"]}
    got = agents.get_agent_alias(**live)["agentAlias"]
    assert (got["agentAliasStatus"], got["routingConfiguration"]) == ("PREPARED", [{"agentVersion": "1"}])
    assert got["aliasInvocationState"] == "ACCEPT_INVOCATIONS"
    assert agents.list_tags_for_resource(resourceArn=alias["agentAliasArn"])["tags"] == {"stage": "live"}
    settled(server, made.id, "PREPARED")

    version = agents.get_agent_version(agentId=made.id, agentVersion="1")["agentVersion"]
    assert (version["version"], version["instruction"], version["agentStatus"]) == ("1", INSTRUCTION, "PREPARED")
    (group,) = agents.list_agent_action_groups(agentId=made.id, agentVersion="1")["actionGroupSummaries"]
    copied = agents.get_agent_action_group(agentId=made.id, agentVersion="1", actionGroupId=group["actionGroupId"])["agentActionGroup"]
    assert copied["agentVersion"] == "1" and copied["functionSchema"]["functions"][0]["name"] == "look"

    # An update without routing cuts the next one, an update with routing points back.
    response = agents.update_agent_alias(**live, agentAliasName="live")
    assert response["agentAlias"]["agentAliasStatus"] == "UPDATING"
    assert agents.get_agent_alias(**live)["agentAlias"]["routingConfiguration"] == [{"agentVersion": "2"}]
    agents.update_agent_alias(**live, agentAliasName="live", routingConfiguration=[{"agentVersion": "1"}])
    got = agents.get_agent_alias(**live)["agentAlias"]
    assert got["routingConfiguration"] == [{"agentVersion": "1"}] and "description" not in got
    history = got["agentAliasHistoryEvents"]
    assert [event["routingConfiguration"][0]["agentVersion"] for event in history] == ["1", "2", "1"]
    assert ["endDate" in event for event in history] == [True, True, False]
    assert all("startDate" in event for event in history)

    versions = agents.list_agent_versions(agentId=made.id)["agentVersionSummaries"]
    assert sorted(one["agentVersion"] for one in versions) == ["1", "2", "DRAFT"]
    code, message, _ = refused(agents.delete_agent_version, agentId=made.id, agentVersion="1")
    assert code == "ConflictException" and "live" in message
    agents.delete_agent_version(agentId=made.id, agentVersion="2")
    assert refused(agents.get_agent_version, agentId=made.id, agentVersion="2") == ("ResourceNotFoundException", NOT_FOUND, 404)


def test_the_test_alias_is_listed_and_stays(server, agents):
    made = agent(server)
    made.publish("live")
    listed = agents.list_agent_aliases(agentId=made.id)["agentAliasSummaries"]
    assert {one["agentAliasName"] for one in listed} == {"live", "AgentTestAlias"}
    test = next(one for one in listed if one["agentAliasName"] == "AgentTestAlias")
    assert (test["agentAliasId"], test["routingConfiguration"]) == ("TSTALIASID", [{"agentVersion": "DRAFT"}])
    code, message, status = refused(agents.delete_agent_alias, agentId=made.id, agentAliasId="TSTALIASID")
    assert (code, status) == ("ValidationException", 400) and "TSTALIASID" in message


def test_alias_refusals(server, agents):
    made = agent(server)
    made.publish("live")
    cases = [
        ({"agentAliasName": "live"}, "ConflictException"),
        ({"agentAliasName": "other", "routingConfiguration": [{"agentVersion": "9"}]}, "ResourceNotFoundException"),
        ({"agentAliasName": "other", "routingConfiguration": [{"agentVersion": "DRAFT"}]}, "ValidationException"),
    ]
    for sent, code in cases:
        assert refused(agents.create_agent_alias, agentId=made.id, **sent)[0] == code, sent
    unprepared = create(agents)
    assert refused(agents.create_agent_alias, agentId=unprepared["agentId"], agentAliasName="live")[0] == "ValidationException"


def test_tags(server, agents):
    arn = create(agents, tags={"a": "1"})["agentArn"]
    agents.tag_resource(resourceArn=arn, tags={"b": "2", "a": "3"})
    assert agents.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "3", "b": "2"}
    agents.untag_resource(resourceArn=arn, tagKeys=["a", "never"])
    assert agents.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    gone = arn[:-10] + "ZZZZZZZZZZ"
    assert refused(agents.tag_resource, resourceArn=gone, tags={"x": "y"})[::2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("operation", "sent", "message"),
    [
        (
            "get_agent",
            {"agentId": "not-an-id"},
            "1 validation error detected: Value 'not-an-id' at 'agentId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [0-9a-zA-Z]{10}",
        ),
        (
            "create_agent",
            {"agentName": "two words", "instruction": "x" * 40, "agentResourceRoleArn": "nobody"},
            "2 validation errors detected: ",
        ),
        (
            "create_agent",
            {"agentName": "long", "description": "x" * 201},
            f"1 validation error detected: Value '{'x' * 201}' at 'description' failed to satisfy constraint: "
            "Member must have length less than or equal to 200",
        ),
        (
            "list_agent_action_groups",
            {"agentId": "A" * 10, "agentVersion": "DRAFT", "maxResults": 1001},
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000",
        ),
    ],
)
def test_validation_names_every_violation(agents, operation, sent, message):
    code, text, status = refused(getattr(agents, operation), **sent)
    assert (code, status) == ("ValidationException", 400)
    assert text == message or (message.endswith(": ") and text.startswith(message)), text
    if message.startswith("2 "):
        assert "at 'agentName'" in text and "at 'agentResourceRoleArn'" in text and "; " in text


def test_unbuilt_operations_say_so(server, agents):
    code, message, status = refused(agents.list_flows)
    assert (code, status) == ("NotImplementedException", 501)
    assert "ListFlows" in message
    for service, operation, sent in [
        ("bedrock-agent-runtime", "create_session", {}),
        ("bedrock", "list_guardrails", {}),
        ("stepfunctions", "list_state_machines", {}),
        ("bedrock-runtime", "apply_guardrail", {"guardrailIdentifier": "abcdef", "guardrailVersion": "1", "source": "INPUT", "content": []}),
    ]:
        code, message, status = refused(getattr(server.client(service), operation), **sent)
        assert (code, status) == ("NotImplementedException", 501), service
        assert "".join(word.title() for word in operation.split("_")) in message


def test_another_service_is_named(server):
    with pytest.raises(ClientError) as caught:
        server.client("dynamodb").list_tables()
    error = caught.value.response["Error"]
    assert "dynamodb" in error["Message"].lower(), error


def test_errors_on_the_wire(server):
    status, headers, body = request(server, "GET", "/agents/AAAAAAAAAA/")
    assert (status, headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert body.decode() == '{"message":"%s"}' % NOT_FOUND
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"])
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"agentName": 3}', b'{"agentName": "x", "agentName": ', b"\xff\xfe"])
def test_broken_bodies_are_the_clients_fault(server, body):
    status, headers, content = request(server, "PUT", "/agents/", body)
    assert status == 400, content
    assert headers["x-amzn-errortype"] in ("SerializationException", "ValidationException"), content


def test_prepare_and_inline_differ_by_a_slash(server, agents):
    made = create(agents, foundationModel=MODEL, instruction=INSTRUCTION)
    status, _, content = request(server, "POST", f"/agents/{made['agentId']}/")
    assert status == 202 and b"PREPARING" in content
    status, headers, content = request(server, "POST", f"/agents/{made['agentId']}", {"foundationModel": MODEL, "instruction": INSTRUCTION})
    assert (status, headers["x-amzn-errortype"]) == (501, "NotImplementedException") and b"InvokeInlineAgent" in content


def test_a_cleanup_as_the_samples_write_it(server, agents):
    """Disable and delete the groups, delete the aliases but not the test alias, delete the agent without a flag."""
    arn = function(server, "handler = None")
    made = agent(server, {"rooms": (arn, schema("look"))})
    made.publish("live")
    for group in agents.list_agent_action_groups(agentId=made.id, agentVersion="DRAFT")["actionGroupSummaries"]:
        place = {"agentId": made.id, "agentVersion": "DRAFT", "actionGroupId": group["actionGroupId"]}
        got = agents.get_agent_action_group(**place)["agentActionGroup"]
        kept = {name: got[name] for name in ("actionGroupName", "actionGroupExecutor", "functionSchema")}
        agents.update_agent_action_group(**place, **kept, actionGroupState="DISABLED")
        agents.delete_agent_action_group(**place)
    for alias in agents.list_agent_aliases(agentId=made.id)["agentAliasSummaries"]:
        if alias["agentAliasId"] != "TSTALIASID":
            agents.delete_agent_alias(agentId=made.id, agentAliasId=alias["agentAliasId"])
    agents.delete_agent(agentId=made.id)

    def gone():
        try:
            agents.get_agent(agentId=made.id)
        except agents.exceptions.ResourceNotFoundException:
            return True

    until(gone, "an agent that is gone")
    server.functions.delete_function(FunctionName=arn)
