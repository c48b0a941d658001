"""Frameworks on Bedrock, unmodified: Strands, LiteLLM and LlamaIndex. Only their endpoint is ours."""

import os

import pytest

from support.double import call, say

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # its price list comes with it; nothing is fetched when it is imported
MODEL = "anthropic.claude-3-5-sonnet-20240620-v1:0"


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("streaming", [True, False])
def test_a_strands_agent_uses_a_tool(server, model, streaming):
    strands = pytest.importorskip("strands")
    models = pytest.importorskip("strands.models")
    booked = []

    @strands.tool
    def book_room(room: str, nights: int) -> str:
        """Books a room.

        Args:
            room: The room.
            nights: How many nights.
        """
        booked.append((room, nights))
        return "number B-17"

    bedrock = models.BedrockModel(model_id=MODEL, endpoint_url=server.url, region_name="us-east-1", streaming=streaming)
    agent = strands.Agent(model=bedrock, tools=[book_room], callback_handler=None)
    model.will(call("book_room", {"room": "Alcove", "nights": 3}, text="Let me book it."), say("It is ", "booked."))
    assert str(agent("Book the room Alcove for 3 nights.")).strip() == "It is booked."
    assert booked == [("Alcove", 3)]
    assert model.requests[-1]["messages"][-1]["content"] == "number B-17"


@pytest.mark.parametrize("way", ["bedrock", "bedrock/converse", "bedrock/invoke"])
def test_litellm(server, model, way):
    litellm = pytest.importorskip("litellm")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    model.will(say("Hello."), say("Hello ", "again."))
    ask = {"model": f"{way}/{MODEL}", "messages": messages, "aws_bedrock_runtime_endpoint": server.url, "max_tokens": 50}
    assert litellm.completion(**ask).choices[0].message.content == "Hello."
    assert "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**ask, stream=True)) == "Hello again."
    assert [one["role"] for one in model.requests[-1]["messages"]] == ["system", "user"]


def test_litellm_calls_tools(server, model):
    litellm = pytest.importorskip("litellm")
    parameters = {"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]}
    tools = [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": parameters}}]
    model.will(call("look", {"room": "A"}))
    messages = [{"role": "user", "content": "Is A free?"}]
    answer = litellm.completion(model=f"bedrock/{MODEL}", messages=messages, tools=tools, aws_bedrock_runtime_endpoint=server.url)
    (tool,) = answer.choices[0].message.tool_calls
    assert (tool.function.name, tool.function.arguments) == ("look", '{"room": "A"}')


def test_llama_index(server, model):
    llama = pytest.importorskip("llama_index.llms.bedrock_converse")
    chat = llama.BedrockConverse(model=MODEL, region_name="us-east-1", endpoint_url=server.url)
    model.will(say("Hello."), say("Hello ", "again."))
    assert chat.complete("Hi").text == "Hello."
    assert "".join(chunk.delta for chunk in chat.stream_complete("Hi")) == "Hello again."
