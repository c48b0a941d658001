"""Frameworks that speak to agents and models, unmodified: langchain-aws' agents, Strands, LiteLLM, LlamaIndex. Only their endpoint is ours."""

import json
import os

import pytest

from support.agents import MODEL, unique
from support.double import call, calls, fail, last, results, say

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # its price list comes with it; nothing is fetched when it is imported
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


def local(monkeypatch, server):
    """What a shell knows of a server."""
    variables = {"AWS_ENDPOINT_URL": server.url, "AWS_REGION": server.region, "AWS_DEFAULT_REGION": server.region}
    for name, value in {**variables, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}.items():
        monkeypatch.setenv(name, value)


# --- langchain-aws: agents


@pytest.fixture
def agents():
    return pytest.importorskip("langchain_aws.agents", reason="langchain-aws is not installed")


def test_langchain_talks_to_an_agent(agents, server, model, rooms, monkeypatch):
    local(monkeypatch, server)
    runnable = agents.BedrockAgentsRunnable(
        agent_id=rooms.id,
        agent_alias_id="TSTALIASID",
        endpoint_url=server.url,
        region_name=server.region,
        credentials_profile_name=None,
        enable_trace=True,
    )
    model.will(call("rooms__look", {"room": "A"}), say("It is ", "free."))
    session = unique("chain")
    finish = runnable.invoke({"input": "Is A free?", "session_id": session})
    assert finish.return_values["output"] == "It is free."
    assert finish.session_id == session and "invocationInput" in finish.trace_log
    model.will(say("Still."))
    assert runnable.invoke({"input": "And now?", "session_id": session}).return_values["output"] == "Still."
    assert [one["content"] for one in last(model) if one["role"] == "user"] == ["Is A free?", "And now?"]


def test_langchain_runs_what_an_agent_returns(agents, server, model, monkeypatch):
    """It makes the agent, too, with one action group for each toolset, and answers each return of control."""
    from langchain_core.agents import AgentAction
    from langchain_core.tools import tool

    local(monkeypatch, server)

    @tool("AssetDetail::getAssetValue")
    def value_of(asset_holder_id: str) -> str:
        """Gets the value of the assets of a holder."""
        return f"The total asset value for {asset_holder_id} is 100K"

    runnable = agents.BedrockAgentsRunnable.create_agent(
        agent_name=unique("mortgage"),
        agent_resource_role_arn="arn:aws:iam::000000000000:role/test",
        foundation_model=MODEL,
        instruction="You are an agent who helps with getting the mortgage rate based on the current asset valuation",
        tools=[value_of],
        enable_trace=True,
    )
    model.will(call("AssetDetail__getAssetValue", {"asset_holder_id": "AVC-1234"}), say("It is 100K."))
    actions = runnable.invoke({"input": "What is the value for AVC-1234?"})
    (action,) = actions
    assert isinstance(action, AgentAction)
    assert (action.tool, action.tool_input) == ("AssetDetail::getAssetValue", {"asset_holder_id": "AVC-1234"})
    step = (action, value_of.invoke(action.tool_input))
    finish = runnable.invoke({"input": "What is the value for AVC-1234?", "intermediate_steps": [step], "session_id": action.session_id})
    assert finish.return_values["output"] == "It is 100K."
    assert results(model) == ["The total asset value for AVC-1234 is 100K"]
    server.agents.delete_agent(agentId=runnable.agent_id, skipResourceInUseCheck=True)


# --- Strands


@pytest.fixture
def strands():
    return pytest.importorskip("strands", reason="Strands is not installed")


def strands_agent(strands, server, tools, **more):
    import boto3
    from strands.models import BedrockModel

    session = boto3.Session(region_name=server.region, **KEYS)
    chosen = BedrockModel(model_id=MODEL, boto_session=session, endpoint_url=server.url, temperature=0.2, max_tokens=200, **more)
    return strands.Agent(model=chosen, tools=tools, system_prompt="You look rooms up.", callback_handler=None)


@pytest.mark.parametrize("streaming", [True, False])
def test_strands_uses_tools(strands, server, model, streaming):
    seen = []

    @strands.tool
    def look(room: str, nights: int = 1) -> str:
        """Looks whether a room is free.

        Args:
            room: The room's name.
            nights: For how long.
        """
        seen.append((room, nights))
        return f"{room} is free"

    bound = strands_agent(strands, server, [look], streaming=streaming)
    model.will(calls(("look", {"room": "A"}), ("look", {"room": "B", "nights": 2}), text="Let me look."), say("Both ", "are free."))
    answer = bound("Are A and B free?")
    assert str(answer).strip() == "Both are free." and answer.stop_reason == "end_turn"
    assert sorted(seen) == [("A", 1), ("B", 2)]
    asked = model.requests[-1]
    assert asked["messages"][0] == {"role": "system", "content": "You look rooms up."}
    assert sorted(results(model)) == ["A is free", "B is free"]
    assert answer.metrics.accumulated_usage["totalTokens"] == 36
    model.will(say("You are welcome."))
    assert str(bound("Thanks")).strip() == "You are welcome."


def test_strands_structured_output(strands, server, model):
    import pydantic

    class Room(pydantic.BaseModel):
        """A room."""

        name: str
        beds: int

    bound = strands_agent(strands, server, [])
    model.will(lambda body: call(body["tools"][0]["function"]["name"], {"name": "Alcove", "beds": 2}))
    assert bound("The Alcove has two beds.", structured_output_model=Room).structured_output == Room(name="Alcove", beds=2)


def test_strands_knows_our_errors(strands, server, model):
    from strands.types.exceptions import ModelThrottledException

    bound = strands.Agent(model=strands_agent(strands, server, []).model, callback_handler=None, retry_strategy=None)
    model.always(lambda _: fail(429, **{"retry-after": "0"}))
    with pytest.raises(ModelThrottledException):
        bound("Hi")


# --- LiteLLM


@pytest.fixture
def litellm(server):
    module = pytest.importorskip("litellm", reason="LiteLLM is not installed")
    module.suppress_debug_info = True
    module.telemetry = False

    def ask(text="Hi", name=f"bedrock/{MODEL}", **more):
        messages = more.pop("messages", [{"role": "user", "content": text}])
        return module.completion(
            model=name, messages=messages, aws_region_name=server.region, aws_bedrock_runtime_endpoint=server.url, num_retries=0, **KEYS, **more
        )

    ask.module = module
    return ask


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.mark.parametrize("route", ["bedrock/", "bedrock/converse/", "bedrock/invoke/"])
def test_litellm_chats(litellm, model, route):
    model.will(say("Hello.", usage=(12, 3)), say("Hello ", "again."))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    answer = litellm(messages=messages, name=route + MODEL, temperature=0.1, max_tokens=30)
    assert model.requests[-1]["messages"] == messages
    assert answer.choices[0].message.content == "Hello." and answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 3)
    parts = list(litellm(name=route + MODEL, stream=True))
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "Hello again."


@pytest.mark.parametrize("stream", [False, True])
def test_litellm_uses_tools(litellm, model, stream):
    model.will(call("weather", {"city": "Oslo"}), say("It is sunny."))
    answer = litellm("How is the weather in Oslo?", tools=[WEATHER], stream=stream)
    if stream:
        answer = litellm.module.stream_chunk_builder(list(answer))
    (tool,) = answer.choices[0].message.tool_calls
    assert (tool.function.name, json.loads(tool.function.arguments)) == ("weather", {"city": "Oslo"})
    assert answer.choices[0].finish_reason == "tool_calls"
    talk = [{"role": "user", "content": "How is the weather in Oslo?"}, answer.choices[0].message.model_dump(exclude_none=True)]
    talk.append({"role": "tool", "tool_call_id": tool.id, "content": "sunny"})
    assert litellm(messages=talk, tools=[WEATHER]).choices[0].message.content == "It is sunny."
    assert results(model) == ["sunny"]


def test_litellm_structured_output(litellm, model):
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}

    def reply(body):
        return call(body["tools"][0]["function"]["name"], {"name": "Ada"}) if body.get("tools") else say('{"name": "Ada"}')

    model.will(reply)
    answer = litellm("Ada is here.", response_format=wanted)
    assert json.loads(answer.choices[0].message.content) == {"name": "Ada"}


def test_litellm_knows_our_errors(litellm, model):
    model.always(lambda _: fail(429, **{"retry-after": "0"}))
    with pytest.raises(litellm.module.RateLimitError):
        litellm()
    model.always(lambda _: fail(400))
    with pytest.raises(litellm.module.BadRequestError):
        litellm()


@pytest.mark.parametrize("stream", [False, True])
def test_litellm_talks_to_an_agent(litellm, model, rooms, stream):
    model.will(call("rooms__look", {"room": "A"}, usage=(10, 2)), say("It is ", "free.", usage=(20, 3)))
    answer = litellm("Is A free?", name=f"bedrock/agent/{rooms.id}/TSTALIASID", stream=stream)
    if stream:
        answer = litellm.module.stream_chunk_builder(list(answer))
    assert answer.choices[0].message.content == "It is free."


# --- LlamaIndex


def test_llama_index_chats(server, model, monkeypatch):
    llama = pytest.importorskip("llama_index.llms.bedrock_converse", reason="LlamaIndex is not installed")
    local(monkeypatch, server)
    chat = llama.BedrockConverse(model=MODEL, region_name=server.region, endpoint_url=server.url)
    model.will(say("Hello."), say("Hello ", "again."))
    assert chat.complete("Hi").text == "Hello."
    assert "".join(chunk.delta for chunk in chat.stream_complete("Hi")) == "Hello again."
