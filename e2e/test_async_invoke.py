"""Models and buckets: asynchronous invocations, images in buckets, the log of invocations in a bucket."""

import json

import pytest
from botocore.exceptions import ClientError

from support.agents import unique
from support.double import Gate, fail, say
from support.wait import until

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
BODY = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def s3(server):
    return server.client("s3")


@pytest.fixture
def bucket(s3):
    name = unique("models").lower()
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def runtime(server):
    return server.client("bedrock-runtime")


def start(runtime, bucket, body=BODY, **more):
    output = {"s3OutputDataConfig": {"s3Uri": f"s3://{bucket}/answers/"}}
    return runtime.start_async_invoke(modelId=HAIKU, modelInput=body, outputDataConfig=output, **more)["invocationArn"]


def over(runtime, arn):
    def look():
        found = runtime.get_async_invoke(invocationArn=arn)
        return found if found["status"] != "InProgress" else None

    return until(look, "an invocation that is over")


def test_the_answer_comes_to_the_bucket(runtime, s3, bucket, model):
    gate = Gate()
    model.will(say(gate, "Hello."))
    arn = start(runtime, bucket, clientRequestToken="once", tags=[{"key": "a", "value": "b"}])
    gate.reached()
    assert runtime.get_async_invoke(invocationArn=arn)["status"] == "InProgress"
    assert start(runtime, bucket, clientRequestToken="once", tags=[{"key": "a", "value": "b"}]) == arn
    gate.open()
    found = over(runtime, arn)
    assert found["status"] == "Completed", found
    assert found["modelArn"].endswith(HAIKU) and found["endTime"] >= found["submitTime"]
    answer = s3.get_object(Bucket=bucket, Key=f"answers/{arn.rsplit('/')[-1]}/output.json")
    assert json.loads(answer["Body"].read())["content"] == [{"type": "text", "text": "Hello."}]
    assert answer["ContentType"] == "application/json"


def test_a_failure_is_told(runtime, bucket, model):
    model.will(fail(400))
    found = over(runtime, start(runtime, bucket))
    assert found["status"] == "Failed" and found["failureMessage"].startswith("ValidationException")
    model.will(say("Hello."))
    found = over(runtime, start(runtime, "no-such-bucket-anywhere"))
    assert found["status"] == "Failed" and "NoSuchBucket" in found["failureMessage"]
    with pytest.raises(ClientError, match="ValidationException.*Malformed input request"):
        start(runtime, bucket, {"messages": []})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        runtime.get_async_invoke(invocationArn="arn:aws:bedrock:us-east-1:000000000000:async-invoke/aaaaaaaaaaaa")


def test_invocations_are_listed_page_by_page(runtime, bucket, model):
    model.will(*[say("Hello.") for _ in range(3)])
    made = [start(runtime, bucket) for _ in range(3)]
    for arn in made:
        over(runtime, arn)
    seen, token = [], {}
    while True:
        page = runtime.list_async_invokes(maxResults=2, statusEquals="Completed", sortOrder="Ascending", **token)
        seen += [one["invocationArn"] for one in page["asyncInvokeSummaries"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert len(seen) == len(set(seen)) and set(made) <= set(seen)


def test_what_was_not_over_is_made_again_after_a_crash(own, model):
    own.client("s3").create_bucket(Bucket="answers")
    gate = Gate()
    model.will(say(gate, "never heard"))
    arn = start(own.client("bedrock-runtime"), "answers")
    gate.reached()
    own.kill9()
    gate.open()
    model.will(say("Hello."))
    own.restart()
    assert over(own.client("bedrock-runtime"), arn)["status"] == "Completed"


def test_an_image_in_a_bucket_reaches_the_model(runtime, s3, bucket, model):
    s3.put_object(Bucket=bucket, Key="a.png", Body=b"PNG!")
    model.will(say("A picture."))
    image = {"image": {"format": "png", "source": {"s3Location": {"uri": f"s3://{bucket}/a.png"}}}}
    runtime.converse(modelId=HAIKU, messages=[{"role": "user", "content": [{"text": "What is it?"}, image]}])
    assert "data:image/png;base64,UE5HIQ==" in json.dumps(model.requests[-1])
    image["image"]["source"]["s3Location"]["uri"] = f"s3://{bucket}/nothing.png"
    with pytest.raises(ClientError, match="ValidationException.*NoSuchKey"):
        runtime.converse(modelId=HAIKU, messages=[{"role": "user", "content": [{"text": "What is it?"}, image]}])


def test_the_log_goes_to_its_bucket(own, model):
    s3 = own.client("s3")
    s3.create_bucket(Bucket="model-logs")
    config = {"s3Config": {"bucketName": "model-logs", "keyPrefix": "here"}}
    own.client("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    model.will(say("Hello."))
    own.client("bedrock-runtime").converse(modelId=HAIKU, messages=[{"role": "user", "content": [{"text": "Hi"}]}])
    (found,) = until(lambda: s3.list_objects_v2(Bucket="model-logs").get("Contents"), "a record in the bucket")
    assert found["Key"].startswith("here/AWSLogs/000000000000/BedrockModelInvocationLogs/us-east-1/")
    record = json.loads(s3.get_object(Bucket="model-logs", Key=found["Key"])["Body"].read())
    assert record["output"]["outputBodyJson"]["output"]["message"]["content"] == [{"text": "Hello."}]
    assert not (own.state / "logs").exists()
