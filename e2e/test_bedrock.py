"""The service bedrock: models, inference profiles."""

import json
import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError

from support.double import say
from support.server import environment

AWS = shutil.which("aws")
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.fixture
def bedrock(server):
    return server.client("bedrock")


def ids(bedrock, **filters):
    return [model["modelId"] for model in bedrock.list_foundation_models(**filters)["modelSummaries"]]


def test_models_are_listed_by_filter(bedrock):
    everything = ids(bedrock)
    assert HAIKU in everything and "builtin/planner" in everything
    assert all(model.startswith("anthropic.") for model in ids(bedrock, byProvider="Anthropic"))
    embeddings = ids(bedrock, byOutputModality="EMBEDDING")
    assert embeddings and all("embed" in model for model in embeddings)
    assert set(embeddings).isdisjoint(ids(bedrock, byOutputModality="TEXT"))
    assert ids(bedrock, byInferenceType="PROVISIONED") == []
    assert ids(bedrock, byCustomizationType="FINE_TUNING") == []


def test_a_model_is_found_by_id_and_by_arn(bedrock):
    details = bedrock.get_foundation_model(modelIdentifier=HAIKU)["modelDetails"]
    assert details["modelArn"] == f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"
    assert (details["providerName"], details["modelName"]) == ("Anthropic", "Claude 3 Haiku")
    assert details["responseStreamingSupported"] is True
    assert details["modelLifecycle"]["status"] == "ACTIVE"
    assert bedrock.get_foundation_model(modelIdentifier=details["modelArn"])["modelDetails"] == details
    assert bedrock.get_foundation_model_availability(modelId=HAIKU)["authorizationStatus"] == "AUTHORIZED"


def test_only_models_that_somebody_answers_for(new_server, double):
    config = double.config().replace('model = "*"', 'model = "meta.*"') + '\n[[route]]\nmodel = "acme.own-v1"\nto = ["double/test"]\n'
    bedrock = new_server("serve", config=config).start().client("bedrock")
    assert {model.split(".")[0] for model in ids(bedrock)} == {"meta", "acme", "builtin/planner"}
    with pytest.raises(ClientError) as error:
        bedrock.get_foundation_model(modelIdentifier=HAIKU)
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_an_application_s_profile_answers_like_its_source(server, bedrock, model):
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"
    made = bedrock.create_inference_profile(
        inferenceProfileName="orders", description="For orders", modelSource={"copyFrom": arn}, tags=[{"key": "team", "value": "shop"}]
    )
    profile = made["inferenceProfileArn"]
    assert made["status"] == "ACTIVE" and ":application-inference-profile/" in profile
    found = bedrock.get_inference_profile(inferenceProfileIdentifier=profile)
    assert (found["inferenceProfileName"], found["type"], found["models"]) == ("orders", "APPLICATION", [{"modelArn": arn}])
    assert bedrock.get_inference_profile(inferenceProfileIdentifier=found["inferenceProfileId"])["inferenceProfileArn"] == profile
    assert bedrock.list_tags_for_resource(resourceARN=profile)["tags"] == [{"key": "team", "value": "shop"}]
    listed = bedrock.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"]
    assert profile in [one["inferenceProfileArn"] for one in listed]

    runtime = server.client("bedrock-runtime")
    model.will(say("Hi."), say("Hi."))
    assert runtime.converse(modelId=profile, messages=[{"role": "user", "content": [{"text": "Hi"}]}])["stopReason"] == "end_turn"
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    answer = json.loads(runtime.invoke_model(modelId=profile, body=json.dumps(body))["body"].read())
    assert answer["content"][0]["text"] == "Hi."

    bedrock.delete_inference_profile(inferenceProfileIdentifier=profile)
    for ask in (
        lambda: bedrock.get_inference_profile(inferenceProfileIdentifier=profile),
        lambda: bedrock.list_tags_for_resource(resourceARN=profile),
        lambda: runtime.converse(modelId=profile, messages=[{"role": "user", "content": [{"text": "Hi"}]}]),
    ):
        with pytest.raises(ClientError) as error:
            ask()
        assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_token_makes_one_profile(bedrock):
    ask = {"inferenceProfileName": "once", "clientRequestToken": "token-1", "modelSource": {"copyFrom": f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"}}
    assert bedrock.create_inference_profile(**ask)["inferenceProfileArn"] == bedrock.create_inference_profile(**ask)["inferenceProfileArn"]


def test_profiles_are_listed_page_by_page(bedrock):
    for number in range(3):
        bedrock.create_inference_profile(
            inferenceProfileName=f"page {number}", modelSource={"copyFrom": f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}"}
        )
    whole = bedrock.list_inference_profiles()["inferenceProfileSummaries"]
    kinds = {one["type"] for one in whole}
    assert kinds == {"SYSTEM_DEFINED", "APPLICATION"}
    seen, token = [], None
    while True:
        page = bedrock.list_inference_profiles(maxResults=4, **({"nextToken": token} if token else {}))
        assert 1 <= len(page["inferenceProfileSummaries"]) <= 4
        seen += page["inferenceProfileSummaries"]
        token = page.get("nextToken")
        if not token:
            break
    assert [one["inferenceProfileArn"] for one in seen] == [one["inferenceProfileArn"] for one in whole]
    system = next(one for one in whole if one["inferenceProfileId"] == f"us.{HAIKU}")
    assert bedrock.get_inference_profile(inferenceProfileIdentifier=f"us.{HAIKU}")["models"] == system["models"]
    with pytest.raises(ClientError, match="ValidationException"):
        bedrock.delete_inference_profile(inferenceProfileIdentifier=f"us.{HAIKU}")
    with pytest.raises(ClientError, match="ValidationException.*nextToken"):
        bedrock.list_inference_profiles(nextToken="nonsense")


@pytest.mark.skipif(AWS is None, reason="the AWS CLI is not installed")
def test_the_aws_cli(server, model):
    def aws(*args):
        more = {"AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        done = subprocess.run([AWS, *args], env=environment(AWS_PAGER="", **more), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    model.will(say("Hello."))
    messages = json.dumps([{"role": "user", "content": [{"text": "Hi"}]}])
    answer = json.loads(aws("bedrock-runtime", "converse", "--model-id", HAIKU, "--messages", messages))
    assert answer["output"]["message"]["content"] == [{"text": "Hello."}]
    names = aws("bedrock", "list-foundation-models", "--by-provider", "meta", "--query", "modelSummaries[].providerName", "--output", "text").split()
    assert names and set(names) == {"Meta"}
