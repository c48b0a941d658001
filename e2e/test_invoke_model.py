"""InvokeModel and its stream: the bodies of each family, whoever answers."""

import json

import pytest
from botocore.exceptions import ClientError

from support.double import call, fail, say
from support.loopback import Handler, Loopback

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
VERSION = "bedrock-2023-05-31"


@pytest.fixture
def runtime(server):
    return server.client("bedrock-runtime")


def invoke(runtime, model_id, **body):
    answer = runtime.invoke_model(modelId=model_id, body=json.dumps(body))
    return json.loads(answer["body"].read()), answer


def stream(runtime, model_id, **body):
    answer = runtime.invoke_model_with_response_stream(modelId=model_id, body=json.dumps(body))
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]


def asked(model):
    """(role, content) of what the provider was sent."""
    return [(one["role"], one.get("content")) for one in model.requests[-1]["messages"]]


def test_anthropic_messages(runtime, model):
    model.will(call("look", {"room": "A"}, text="Let me see.", usage=(30, 12)))
    body, answer = invoke(
        runtime,
        HAIKU,
        anthropic_version=VERSION,
        max_tokens=64,
        system="Be brief.",
        temperature=0.5,
        stop_sequences=["END"],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Is A free?"}]}],
        tools=[{"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"room": {"type": "string"}}}}],
        tool_choice={"type": "any"},
    )
    sent = model.requests[-1]
    assert asked(model) == [("system", "Be brief."), ("user", "Is A free?")]
    assert (sent["max_tokens"], sent["temperature"], sent["stop"], sent["tool_choice"]) == (64, 0.5, ["END"], "required")
    assert body["type"] == "message" and body["role"] == "assistant" and body["id"].startswith("msg_bdrk_")
    assert body["content"][0] == {"type": "text", "text": "Let me see."}
    assert body["content"][1]["input"] == {"room": "A"}
    assert (body["stop_reason"], body["stop_sequence"]) == ("tool_use", None)
    assert body["usage"] == {"input_tokens": 30, "output_tokens": 12}
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == "30"
    assert headers["x-amzn-bedrock-output-token-count"] == "12"
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 0
    assert answer["contentType"] == "application/json"


def test_anthropic_tool_results_and_thoughts_go_back(runtime, model):
    model.will(say("Yes."))
    tool = {"type": "tool_use", "id": "t1", "name": "look", "input": {"room": "A"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "free", "is_error": False}
    messages = [
        {"role": "user", "content": "Is A free?"},
        {"role": "assistant", "content": [tool]},
        {"role": "user", "content": [result]},
        {"role": "user", "content": "Well?"},
    ]
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    body, _ = invoke(runtime, HAIKU, anthropic_version=VERSION, max_tokens=9, messages=messages, tools=tools)
    assert body["content"] == [{"type": "text", "text": "Yes."}]
    assert [role for role, _ in asked(model)] == ["user", "assistant", "tool", "user"]


def test_anthropic_stream(runtime, model):
    model.will(call("look", {"room": "A"}, text="Let me see.", usage=(30, 12)))
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    chunks = stream(runtime, HAIKU, anthropic_version=VERSION, max_tokens=9, messages=[{"role": "user", "content": "Is A free?"}], tools=tools)
    kinds = [chunk["type"] for chunk in chunks]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    starts = [(chunk["index"], chunk["content_block"]["type"]) for chunk in chunks if chunk["type"] == "content_block_start"]
    assert starts == [(0, "text"), (1, "tool_use")]
    deltas = [chunk["delta"] for chunk in chunks if chunk["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "Let me see."
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {"room": "A"}
    assert chunks[-2]["delta"]["stop_reason"] == "tool_use"
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (30, 12)
    assert metrics["firstByteLatency"] <= metrics["invocationLatency"]


def test_nova(runtime, model):
    for ask in (invoke, stream):
        model.will(say("Hello ", "there.", usage=(8, 3)))
        answer = ask(
            runtime,
            "us.amazon.nova-lite-v1:0",
            schemaVersion="messages-v1",
            system=[{"text": "Be brief."}],
            messages=[{"role": "user", "content": [{"text": "Hi"}]}],
            inferenceConfig={"max_new_tokens": 20, "topP": 0.5},
        )
        assert asked(model) == [("system", "Be brief."), ("user", "Hi")]
        assert (model.requests[-1]["max_tokens"], model.requests[-1]["top_p"]) == (20, 0.5)
        if ask is invoke:
            body, _ = answer
            assert body["output"]["message"] == {"role": "assistant", "content": [{"text": "Hello there."}]}
            assert body["stopReason"] == "end_turn"
            assert body["usage"] == {"inputTokens": 8, "outputTokens": 3, "totalTokens": 11}
        else:
            assert answer[0] == {"messageStart": {"role": "assistant"}}
            assert "".join(chunk["contentBlockDelta"]["delta"]["text"] for chunk in answer if "contentBlockDelta" in chunk) == "Hello there."
            assert answer[-2] == {"messageStop": {"stopReason": "end_turn"}}
            assert answer[-1]["metadata"]["usage"]["totalTokens"] == 11
            assert "amazon-bedrock-invocationMetrics" in answer[-1]


LLAMA = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)
BRIEF = [("system", "Be brief."), ("user", "Hi")]
PLAIN = [("user", "Hi")]


@pytest.mark.parametrize(
    ("model_id", "body", "seen", "text", "last"),
    [
        (
            "amazon.titan-text-express-v1",
            {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 20, "temperature": 0, "topP": 1, "stopSequences": []}},
            PLAIN,
            lambda body: body["results"][0]["outputText"] if "results" in body else body["outputText"],
            lambda body: (body.get("results") or [body])[0]["completionReason"] == "FINISH" and body["inputTextTokenCount"] == 8,
        ),
        (
            "meta.llama3-1-8b-instruct-v1:0",
            {"prompt": LLAMA, "max_gen_len": 20, "temperature": 0.1},
            BRIEF,
            lambda body: body["generation"],
            lambda body: body["stop_reason"] == "stop" and (body["prompt_token_count"], body["generation_token_count"]) == (8, 3),
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            {"prompt": "<s>[INST] Hi [/INST]", "max_tokens": 20, "top_k": 50},
            PLAIN,
            lambda body: body["outputs"][0]["text"],
            lambda body: body["outputs"][0]["stop_reason"] == "stop",
        ),
        (
            "mistral.mistral-large-2407-v1:0",
            {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}], "max_tokens": 20},
            BRIEF,
            lambda body: body["choices"][0].get("message", body["choices"][0].get("delta"))["content"],
            lambda body: body["choices"][0]["stop_reason"] == "stop",
        ),
        (
            "openai.gpt-oss-20b-1:0",
            {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
            BRIEF,
            lambda body: body["choices"][0].get("message", body["choices"][0].get("delta"))["content"],
            lambda body: body["choices"][0]["finish_reason"] == "stop" and body["usage"]["total_tokens"] == 11,
        ),
        (
            "cohere.command-r-v1:0",
            {"message": "Hi", "preamble": "Be brief.", "max_tokens": 20, "p": 0.5},
            BRIEF,
            lambda body: body["text"],
            lambda body: body["finish_reason"] == "COMPLETE",
        ),
        (
            "anthropic.claude-v2:1",
            {"prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 20},
            PLAIN,
            lambda body: body["completion"],
            lambda body: body["stop_reason"] == "stop_sequence",
        ),
    ],
)
def test_families_of_one_text(runtime, model, model_id, body, seen, text, last):
    model.will(say("Hello ", "there.", usage=(8, 3)), say("Hello ", "there.", usage=(8, 3)))
    answer, _ = invoke(runtime, model_id, **body)
    assert asked(model) == seen
    assert text(answer) == "Hello there."
    assert last(answer)
    chunks = stream(runtime, model_id, **body)
    assert asked(model) == seen
    told = [chunk for chunk in chunks if chunk.get("event_type") != "stream-end"]
    assert "".join(text(chunk) or "" for chunk in told if "content" in json.dumps(chunk) or "choices" not in chunk) == "Hello there."
    assert last(chunks[-1])
    assert "amazon-bedrock-invocationMetrics" in chunks[-1]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"max_tokens": 9, "messages": []}, "#: required key [anthropic_version] not found"),
        ({"anthropic_version": VERSION, "messages": [{"role": "user", "content": "Hi"}]}, "#: required key [max_tokens] not found"),
        ({"anthropic_version": VERSION, "max_tokens": 0, "messages": []}, "#/max_tokens: 0 is not greater or equal to 1"),
        ({"anthropic_version": VERSION, "max_tokens": 9, "messages": "Hi"}, "#/messages: expected type: JSONArray, found: String"),
        ({"anthropic_version": VERSION, "max_tokens": 9, "messages": [{"role": "me", "content": "Hi"}]}, "#/messages/0/role: me is not a valid enum value"),
        ({"anthropic_version": VERSION, "max_tokens": 9, "messages": []}, "A conversation must start with a user message"),
        ({"anthropic_version": VERSION, "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "hologram is not a content block"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(runtime, body, text):
    for ask in (runtime.invoke_model, runtime.invoke_model_with_response_stream):
        with pytest.raises(ClientError) as error:
            ask(modelId=HAIKU, body=json.dumps(body))
        assert error.value.response["Error"]["Code"] == "ValidationException"
        assert text in error.value.response["Error"]["Message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"a": 1, "a": 2}', b"[" * 5000])
def test_a_body_that_is_no_object_is_refused(runtime, body):
    with pytest.raises(ClientError, match="ValidationException.*Malformed input request"):
        runtime.invoke_model(modelId=HAIKU, body=body)


def test_a_providers_failure_is_an_exception(runtime, model):
    model.always(lambda _: fail(429, **{"retry-after": "0"}))
    for ask in (runtime.invoke_model, runtime.invoke_model_with_response_stream):
        with pytest.raises(ClientError, match="ThrottlingException"):
            ask(modelId="amazon.titan-text-express-v1", body=json.dumps({"inputText": "Hi"}))


def test_other_content_types_are_refused(runtime):
    for more in ({"contentType": "text/plain"}, {"accept": "image/png"}):
        with pytest.raises(ClientError, match="ValidationException.*application/json"):
            runtime.invoke_model(modelId=HAIKU, body=b"{}", **more)


@pytest.fixture
def embeddings():
    """A provider that has embeddings: the length of a text, and one."""

    class Embeds(Handler):
        def do_POST(self):
            body = json.loads(self.body())
            seen.append((self.path, body))
            data = [{"index": index, "embedding": [len(text), 1.0]} for index, text in enumerate(body["input"])]
            self.tell(200, {"data": data[::-1], "usage": {"prompt_tokens": 5, "total_tokens": 5}})

    seen = []
    provider = Loopback(Embeds)
    yield f"{provider.url}/v1", seen
    provider.stop()


def test_embeddings(new_server, embeddings):
    url, seen = embeddings
    config = f'[providers.own]\nkind = "openai"\nbase_url = "{url}"\n[[route]]\nmodel = "*embed*"\nto = ["own/small"]\n'
    runtime = new_server("serve", config=config + '[[route]]\nmodel = "*"\nto = ["builtin/echo"]\n').start().client("bedrock-runtime")
    body, answer = invoke(runtime, "amazon.titan-embed-text-v2:0", inputText="abc", dimensions=256, normalize=False)
    assert (body["embedding"], body["inputTextTokenCount"], body["embeddingsByType"]) == ([3.0, 1.0], 5, {"float": [3.0, 1.0]})
    assert seen == [("/v1/embeddings", {"model": "small", "input": ["abc"], "encoding_format": "float", "dimensions": 256})]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"] == "5"
    body, _ = invoke(runtime, "amazon.titan-embed-text-v1", inputText="abc")
    assert sum(number**2 for number in body["embedding"]) == pytest.approx(1)
    body, _ = invoke(runtime, "cohere.embed-english-v3", texts=["a", "bc"], input_type="search_query")
    assert (body["embeddings"], body["texts"], body["response_type"]) == ([[1.0, 1.0], [2.0, 1.0]], ["a", "bc"], "embeddings_floats")
    for model_id, body, text in [
        ("other.model", {"inputText": "abc", "normalize": True}, "has no embeddings"),
        ("cohere.embed-english-v3", {"texts": []}, "expected 1 to 96 texts, found 0"),
        ("amazon.titan-embed-text-v1", {"inputText": ""}, "minLength: 1"),
    ]:
        with pytest.raises(ClientError, match="ValidationException") as error:
            invoke(runtime, model_id, **body)
        assert text in str(error.value)
    with pytest.raises(ClientError, match="ValidationException.*embeddings"):
        stream(runtime, "amazon.titan-embed-text-v1", inputText="abc")


def test_tokens_are_estimated(runtime):
    messages = [{"role": "user", "content": [{"text": "How many tokens does this short sentence have?"}]}]
    converse = runtime.count_tokens(modelId=HAIKU, input={"converse": {"messages": messages, "system": [{"text": "Be brief."}]}})["inputTokens"]
    assert 12 <= converse <= 30
    body = {"anthropic_version": VERSION, "max_tokens": 9, "messages": [{"role": "user", "content": messages[0]["content"][0]["text"]}], "system": "Be brief."}
    assert runtime.count_tokens(modelId=HAIKU, input={"invokeModel": {"body": json.dumps(body).encode()}})["inputTokens"] == converse
    with pytest.raises(ClientError, match="ValidationException.*Malformed input request"):
        runtime.count_tokens(modelId=HAIKU, input={"invokeModel": {"body": b"nonsense"}})


def test_tokens_are_counted_where_the_provider_counts(new_server):
    class Counts(Handler):
        def do_POST(self):
            seen.append((self.path, json.loads(self.body())))
            if gone:
                return self.tell(404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}})
            self.tell(200, {"input_tokens": 77})

    seen, gone = [], []
    claude = Loopback(Counts)
    config = f'[providers.claude]\nkind = "anthropic"\nbase_url = "{claude.url}"\n[[route]]\nmodel = "*"\nto = ["claude/c"]\n'
    runtime = new_server("serve", config=config).start().client("bedrock-runtime")
    messages = [{"role": "user", "content": [{"text": "Hi"}]}]
    assert runtime.count_tokens(modelId=HAIKU, input={"converse": {"messages": messages}})["inputTokens"] == 77
    (path, body) = seen[0]
    assert path == "/v1/messages/count_tokens" and set(body) == {"model", "messages"}
    gone.append(True)
    assert runtime.count_tokens(modelId=HAIKU, input={"converse": {"messages": messages}})["inputTokens"] < 20
    claude.stop()
