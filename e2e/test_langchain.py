"""langchain-aws, unmodified: only its endpoint is ours."""

import pytest

from support.double import call, say

langchain = pytest.importorskip("langchain_aws", reason="langchain-aws is not installed")


@pytest.fixture
def chat(server):
    return langchain.ChatBedrockConverse(
        model="anthropic.claude-3-5-sonnet-20241022-v2:0",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        temperature=0,
        max_tokens=100,
    )


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


def test_a_chat_with_a_system_prompt(chat, model):
    model.will(say("Hello.", usage=(12, 3)))
    answer = chat.invoke([("system", "Be brief."), ("human", "Hi")])
    assert answer.content == "Hello."
    assert answer.usage_metadata["total_tokens"] == 15
    assert answer.response_metadata["stopReason"] == "end_turn"
    assert [one["role"] for one in model.requests[-1]["messages"]] == ["system", "user"]


def test_a_stream(chat, model):
    model.will(say("Hello ", "there."))
    chunks = list(chat.stream("Hi"))
    whole = sum(chunks[1:], chunks[0])
    text = whole.content if isinstance(whole.content, str) else "".join(block.get("text", "") for block in whole.content)
    assert text == "Hello there."
    assert whole.usage_metadata["output_tokens"] == 7


def test_tools_are_called_and_answered(chat, model):
    bound = chat.bind_tools([weather])
    model.will(call("weather", {"city": "Oslo"}), say("It is sunny."))
    first = bound.invoke("How is the weather in Oslo?")
    (tool,) = first.tool_calls
    assert (tool["name"], tool["args"]) == ("weather", {"city": "Oslo"})
    from langchain_core.messages import HumanMessage, ToolMessage

    result = ToolMessage(weather(**tool["args"]), tool_call_id=tool["id"])
    second = bound.invoke([HumanMessage("How is the weather in Oslo?"), first, result])
    assert second.content == "It is sunny."
    assert model.requests[-1]["messages"][-1] == {"role": "tool", "tool_call_id": tool["id"], "content": "sunny in Oslo"}


def test_tools_in_a_stream(chat, model):
    model.will(call("weather", {"city": "Oslo"}, text="Let me look."))
    chunks = list(chat.bind_tools([weather]).stream("How is the weather in Oslo?"))
    whole = sum(chunks[1:], chunks[0])
    (tool,) = whole.tool_calls
    assert (tool["name"], tool["args"]) == ("weather", {"city": "Oslo"})


def test_structured_output(chat, model):
    pydantic = pytest.importorskip("pydantic")

    class Person(pydantic.BaseModel):
        """A person."""

        name: str
        age: int

    model.will(lambda body: call(body["tools"][0]["function"]["name"], {"name": "Ada", "age": 36}))
    assert chat.with_structured_output(Person).invoke("Ada is 36.") == Person(name="Ada", age=36)
    assert model.requests[-1]["tool_choice"] in ("required", {"type": "function", "function": {"name": "Person"}})


def test_the_older_class_sends_the_family_s_body(server, model):
    chat = langchain.ChatBedrock(
        model="anthropic.claude-3-haiku-20240307-v1:0",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    model.will(say("Hello."), say("Hello ", "again."))
    assert chat.invoke("Hi").content == "Hello."
    assert "".join(chunk.content for chunk in chat.stream("Hi")) == "Hello again."
