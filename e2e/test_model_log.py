"""Model invocation logging: off until it is put, and then what the service would log."""

import json

import pytest

from support.agents import agent, schema
from support.double import fail, say
from support.wait import until

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
IMAGE = {"image": {"format": "png", "source": {"bytes": b"\x89PNG of a kind"}}}


@pytest.fixture
def own(new_server, double):
    return new_server("serve", config=double.config() + '\n[model_log]\nredact = ["\\\\d{4}-\\\\d{4}"]\n').start()


def records(server):
    files = sorted((server.state / "logs" / "model-invocations" / "us-east-1").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def wait_for(server, count):
    until(lambda: len(records(server)) >= count or None, f"{count} records")
    assert len(records(server)) == count
    return records(server)


def put(server, **flags):
    config = {"s3Config": {"bucketName": "model-logs", "keyPrefix": "here"}, **flags}
    server.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    return config


def ask(server, text, *blocks):
    messages = [{"role": "user", "content": [{"text": text}, *blocks]}]
    return server.client("bedrock-runtime").converse(modelId=HAIKU, messages=messages, requestMetadata={"team": "shop", "card": "1234-5678"})


def test_the_configuration_is_kept_and_deleted(own):
    bedrock = own.client("bedrock")
    assert "loggingConfig" not in bedrock.get_model_invocation_logging_configuration()
    config = put(own, textDataDeliveryEnabled=True)
    assert bedrock.get_model_invocation_logging_configuration()["loggingConfig"] == config
    own.stop()
    own.restart()
    assert own.client("bedrock").get_model_invocation_logging_configuration()["loggingConfig"] == config
    own.client("bedrock").delete_model_invocation_logging_configuration()
    assert "loggingConfig" not in own.client("bedrock").get_model_invocation_logging_configuration()


def test_calls_are_logged_while_it_is_on(own, model):
    model.will(say("Not logged."))
    ask(own, "Hi")
    put(own, imageDataDeliveryEnabled=False)
    model.will(say("It is 1234-5678.", usage=(9, 4)), say("Yes."), say("Sure ", "thing."), fail(400))
    ask(own, "What is my number, 1234-5678?", IMAGE)
    runtime = own.client("bedrock-runtime")
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    runtime.invoke_model(modelId=HAIKU, body=json.dumps(body))["body"].read()
    list(runtime.converse_stream(modelId=HAIKU, messages=[{"role": "user", "content": [{"text": "Hi"}]}])["stream"])
    with pytest.raises(runtime.exceptions.ValidationException):
        ask(own, "Hi")
    first, second, third, fourth = wait_for(own, 4)
    assert (first["schemaType"], first["operation"], first["modelId"]) == ("ModelInvocationLog", "Converse", HAIKU)
    assert (first["input"]["inputTokenCount"], first["output"]["outputTokenCount"]) == (9, 4)
    assert first["requestMetadata"] == {"team": "shop", "card": "[redacted]"}
    text = json.dumps(first)
    assert "1234" not in text and "It is [redacted]." in text and "left out: 20 letters" in text
    assert (second["operation"], second["input"]["inputBodyJson"]) == ("InvokeModel", body)
    assert second["output"]["outputBodyJson"]["content"] == [{"type": "text", "text": "Yes."}]
    assert third["operation"] == "ConverseStream"
    assert third["output"]["outputBodyJson"]["output"]["message"]["content"] == [{"text": "Sure thing."}]
    assert (fourth["errorCode"], "output" in fourth) == ("ValidationException", False)


def test_texts_stay_out_where_they_are_not_wanted(own, model):
    put(own, textDataDeliveryEnabled=False)
    model.will(say("A secret."))
    ask(own, "Another secret.")
    (record,) = wait_for(own, 1)
    assert "secret" not in json.dumps(record)
    assert record["output"]["outputTokenCount"] == 7


def test_an_agent_s_calls_are_logged_too(own, model):
    put(own)
    model.will(say("<answer>Hello.</answer>"))
    assert agent(own, {"desk": ("RETURN_CONTROL", schema("ring"))}).ask("Hi").answer == "Hello."
    (record,) = wait_for(own, 1)
    assert record["operation"] == "Converse"
    assert record["accountId"] == "000000000000"
    assert [tool["toolSpec"]["name"] for tool in record["input"]["inputBodyJson"]["toolConfig"]["tools"]] == ["desk__ring"]
