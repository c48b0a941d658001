"""One agent on every kind of provider: the same turn, whole and streamed, with thoughts that go back unchanged; fallback; errors."""

import json

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support.agents import agent, function, schema
from support.claude import THOUGHTS, Claude, text, use
from support.double import call, calls, say
from support.ledger import BOOK

KEY = "sk-ant-very-secret-0123456789"
VARIABLES = {"TEST_KEY": KEY, "TEST_ID": "AKIATESTTESTTEST", "AWS_REGION": "eu-west-1"}
MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture
def claude():
    double = Claude()
    yield double
    double.stop()
    assert not double.script, f"{len(double.script)} replies were never asked for"


def config(kind, claude, to=None):
    keys = {"anthropic": 'api_key_env = "TEST_KEY"', "bedrock": 'access_key_env = "TEST_ID"\nsecret_env = "TEST_KEY"'}[kind]
    to = to or [f"claude/{MODEL}"]
    return f'[providers.claude]\nkind = "{kind}"\nbase_url = "{claude.base_url}"\n{keys}\n\n[[route]]\nmodel = "*"\nto = {json.dumps(to)}\n'


def two(claude, model):
    """A route over two providers of different kinds."""
    second = f'\n[providers.double]\nkind = "openai"\nbase_url = "{model.base_url}"\n'
    return config("anthropic", claude, ["claude/first", "double/second"]) + second


@pytest.fixture
def rooms(new_server, ledger):
    """Makes the agent with look and book on a server of its own."""

    def make(text):
        server = new_server("serve", config=text, variables=VARIABLES).start()
        arn = function(server, BOOK, ledger.variables())
        return server, agent(server, {"rooms": (arn, schema("look", "book", room="string"))})

    return make


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ["anthropic", "bedrock"])
def test_a_turn_with_thoughts_and_two_calls_at_once(rooms, claude, ledger, kind, streaming):
    server, agent = rooms(config(kind, claude))
    claude.will(
        [THOUGHTS, text("I look at both."), use("rooms__look", {"room": "red"}, 1), use("rooms__look", {"room": "blue"}, 2)],
        [text("<answer>Both rooms are free.</answer>")],
    )
    turn = agent.ask("Are the red and the blue room free?", streaming=streaming)
    assert turn.error is None and turn.answer == "Both rooms are free."
    assert len(turn.observed()) == 2
    assert turn.of("rationale")[0]["text"]

    first, second = claude.requests
    sent = second.body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    said, answered = sent[1]["content"], sent[2]["content"]
    if kind == "anthropic":
        assert first.path == "/v1/messages" and first.headers["x-api-key"] == KEY and first.headers["anthropic-version"]
        assert first.body["model"] == MODEL and first.body["max_tokens"] > 0 and bool(first.body.get("stream")) == streaming
        assert first.body["system"][-1]["cache_control"] == first.body["tools"][-1]["cache_control"] == {"type": "ephemeral"}
        assert said[0] == {"type": "thinking", "thinking": "Look first.", "signature": "c2lnbmVk"}
        assert [block["id"] for block in said[2:]] == [block["tool_use_id"] for block in answered] == ["tool-1", "tool-2"]
        assert not any("cache_control" in json.dumps(message) for message in sent), "only the fixed prefix is marked"
    else:
        operation = "converse-stream" if streaming else "converse"
        assert first.path == f"/model/{MODEL}/{operation}" and ":" not in first.raw_path
        assert first.body["system"][-1] == first.body["toolConfig"]["tools"][-1] == {"cachePoint": {"type": "default"}}
        assert said[0] == THOUGHTS
        assert [block["toolUse"]["toolUseId"] for block in said[2:]] == ["tool-1", "tool-2"]
        assert [block["toolResult"]["toolUseId"] for block in answered] == ["tool-1", "tool-2"]
        signed(first, claude)
    # Everything but the last message is as it was: what a cache needs.
    assert second.body["system"] == first.body["system"] and second.body["messages"][0] == first.body["messages"][0]

    assert KEY not in server.log() + server.shown(agent.session) + json.dumps(turn.parts, default=str)


def signed(request, claude):
    """The signature is botocore's own of the same request."""
    url = f"{claude.base_url}{request.raw_path}"
    headers = {name: request.headers[name] for name in ("host", "content-type", "x-amz-date", "x-amz-content-sha256")}
    again = AWSRequest("POST", url, data=request.raw, headers=headers)
    again.context["timestamp"] = request.headers["x-amz-date"]
    auth = SigV4Auth(Credentials("AKIATESTTESTTEST", KEY), "bedrock", "eu-west-1")
    theirs = request.headers["authorization"]
    names = theirs.split("SignedHeaders=")[1].split(",")[0]
    canonical = auth.canonical_request(again)
    assert names == auth.signed_headers(auth.headers_to_sign(again)), names
    signature = auth.signature(auth.string_to_sign(again, canonical), again)
    assert theirs.endswith(f"Signature={signature}"), theirs


def test_the_next_provider_of_a_route_answers(rooms, claude, model):
    server, agent = rooms(two(claude, model))
    claude.will(*[(529, "overloaded_error", "too much to do")] * 3)
    model.will(call("rooms__look", {"room": "red"}))
    # The next call begins with the first again.
    claude.will([text("<answer>It is free.</answer>")])
    turn = agent.ask("Is the red room free?")
    assert turn.error is None and turn.answer == "It is free."
    assert model.requests[0]["model"] == "second" and [request.body["model"] for request in claude.requests] == ["first"] * 4
    assert len(model.requests) == 1 and "the fallback answered" in server.log()


def test_a_mistake_in_the_request_is_not_hidden_by_another_provider(rooms, claude, model):
    _, agent = rooms(two(claude, model))
    claude.will((400, "invalid_request_error", "max_tokens: too many"))
    turn = agent.ask("Is the red room free?")
    assert "validationException" in str(turn.error) and "max_tokens: too many" in str(turn.error)
    assert not model.requests


@pytest.mark.parametrize(
    ("kind", "reply", "exception"),
    [
        ("anthropic", (429, "rate_limit_error", "slow down"), "throttlingException"),
        ("anthropic", (401, "authentication_error", "no"), "accessDeniedException"),
        ("anthropic", (500, "api_error", "oh"), "dependencyFailedException"),
        ("bedrock", (429, "ThrottlingException", "slow down"), "throttlingException"),
        ("bedrock", (403, "AccessDeniedException", "no"), "accessDeniedException"),
        ("bedrock", (429, "ModelNotReadyException", "warming up"), "modelNotReadyException"),
        ("bedrock", (424, "ModelErrorException", "oh"), "dependencyFailedException"),
    ],
)
def test_failures_are_the_services_exceptions(rooms, claude, kind, reply, exception):
    _, agent = rooms(config(kind, claude).replace("\n\n[[route]]", "\ntries = 1\n\n[[route]]"))
    claude.will(reply)
    turn = agent.ask("Is the red room free?")
    assert exception in str(turn.error), turn.error
    assert turn.of("failureTrace") or turn.kinds


PROFILE = """[work]
aws_access_key_id = {}
aws_secret_access_key = first-secret-of-the-file
aws_session_token = {}
"""
ASKED = """[profile asking]
region = eu-west-1
credential_process = sh {}
"""
ANSWER = """echo '{{"Version": 1, "AccessKeyId": "AKIAMADE", "SecretAccessKey": "made-secret", "SessionToken": "made-token", "Expiration": "{}"}}'"""


def test_keys_of_a_profile_change_while_we_run(new_server, ledger, claude, tmp_path):
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_REGION": "eu-west-1"}
    text_of = f'[providers.claude]\nkind = "bedrock"\nbase_url = "{claude.base_url}"\nPROFILE[[route]]\nmodel = "*"\nto = ["claude/{MODEL}"]\n'
    request = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "hello"}]}]}

    def used(server):
        claude.will([text("Hello.")])
        server.client("bedrock-runtime").converse(**request)
        headers = claude.requests[-1].headers
        return headers["authorization"].split("Credential=")[1].split("/")[0], headers.get("x-amz-security-token")

    # None of the shell's keys: the profile that AWS_PROFILE names.
    (tmp_path / "credentials").write_text(PROFILE.format("AKIAFIRST", "one"))
    server = new_server("serve", config=text_of.replace("PROFILE", ""), variables={**files, "AWS_PROFILE": "work"}).start()
    assert used(server) == ("AKIAFIRST", "one")
    (tmp_path / "credentials").write_text(PROFILE.format("AKIASECOND", "another"))
    assert used(server) == ("AKIASECOND", "another")
    (tmp_path / "credentials").write_text("[work]\naws_access_key_id =")
    assert used(server) == ("AKIASECOND", "another"), "what is half written"
    assert "first-secret" not in server.log()

    # A profile of the configuration, whose command makes keys.
    (tmp_path / "make.sh").write_text(ANSWER.format("2020-01-01T00:00:00Z"))
    (tmp_path / "config").write_text(ASKED.format(tmp_path / "make.sh"))
    named = text_of.replace("PROFILE", 'profile = "asking"\n')
    server = new_server("serve", config=named, variables={**files, "AWS_ACCESS_KEY_ID": "AKIASHELL", "AWS_SECRET_ACCESS_KEY": "shell-secret"}).start()
    assert used(server) == ("AKIAMADE", "made-token")
    (tmp_path / "make.sh").write_text(ANSWER.replace("AKIAMADE", "AKIAAGAIN").format("2099-01-01T00:00:00Z"))
    assert used(server)[0] == "AKIAAGAIN", "the first keys had ended"
    (tmp_path / "make.sh").write_text("exit 1")
    assert used(server)[0] == "AKIAAGAIN", "the second have not"
    assert "made-secret" not in server.log()

    # What cannot be worked out is told at the start.
    (tmp_path / "config").write_text("[profile asking]\nsso_session = mine\n")
    server = new_server("serve", config=named, variables=files)
    server.launch()
    assert server.process.wait(20) != 0
    assert "export-credentials" in server.log()


def test_functions_and_an_upstream_are_called_with_a_profile(new_server, double, tmp_path):
    keys = '[keys.k]\naccess_key = "AKIATESTTESTTEST"\nsecret_env = "TEST_KEY"\n'
    there = new_server("serve", config=double.config(keys), variables=VARIABLES).start()
    session = boto3.Session(aws_access_key_id="AKIATESTTESTTEST", aws_secret_access_key=KEY, region_name="us-east-1")
    there.functions, s3 = (session.client(name, endpoint_url=there.url) for name in ("lambda", "s3"))
    name = function(there, "def handler(event, context):\n    return 'here'\n", {}).rsplit(":", 1)[1]
    s3.create_bucket(Bucket="far-away")
    file = tmp_path / "credentials"
    work = "[work]\naws_access_key_id = AKIATESTTESTTEST\naws_secret_access_key = {}\n"
    file.write_text(work.format("an-old-secret-that-is-over"))
    mapped = f'[functions.far]\naws = "us-east-1"\nendpoint = "{there.url}"\nfunction = "{name}"\nprofile = "work"\n'
    mapped += f'[upstream]\nurl = "{there.url}"\nprofile = "work"\n'
    here = new_server("serve", config=double.config(mapped), variables={"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_CONFIG_FILE": "/nowhere"}).start()
    for call in (lambda: here.functions.invoke(FunctionName="far"), lambda: here.client("s3").list_objects_v2(Bucket="far-away")):
        with pytest.raises(ClientError, match="(?i)signature"):
            call()
    file.write_text(work.format(KEY))
    assert json.loads(here.functions.invoke(FunctionName="far")["Payload"].read()) == "here"
    assert here.client("s3").list_objects_v2(Bucket="far-away")["KeyCount"] == 0
    assert KEY not in here.log()


UPSTREAM_KEYS = '[keys.k]\naccess_key = "AKIATESTTESTTEST"\nsecret_env = "TEST_KEY"\n[[route]]\nmodel = "anthropic.*"\nto = ["double/test"]\n'


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_another_bedplate_is_a_bedrock(new_server, rooms, model, ledger, streaming):
    """Its Converse is the service's, and it verifies our signatures."""
    double = f'[providers.double]\nkind = "openai"\nbase_url = "{model.base_url}"\n'
    upstream = new_server("serve", config=UPSTREAM_KEYS + double, variables=VARIABLES).start()
    keys = 'access_key_env = "TEST_ID"\nsecret_env = "TEST_KEY"'
    other = f'[providers.aws]\nkind = "bedrock"\nregion = "us-east-1"\nbase_url = "{upstream.url}"\n{keys}\n[[route]]\nmodel = "*"\nto = ["aws/*"]\n'
    _, agent = rooms(other)
    model.will(calls(("rooms__look", {"room": "red"}), ("rooms__look", {"room": "blue"})), say("<answer>Both rooms ", "are free.</answer>"))
    turn = agent.ask("Are the red and the blue room free?", streaming=streaming)
    assert turn.error is None and turn.answer == "Both rooms are free."
    assert len(ledger.lines()) == 2
    assert [request["model"] for request in model.requests] == ["test", "test"]
    assert all(bool(request.get("stream")) == streaming for request in model.requests)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", ["anthropic", "bedrock"])
def test_converse_with_an_image_thoughts_and_a_tool(new_server, claude, kind, streaming):
    server = new_server("serve", config=config(kind, claude), variables=VARIABLES).start()
    runtime = server.client("bedrock-runtime")
    claude.will([THOUGHTS, text("I look."), use("look", {"room": "red"})])
    asked = {
        "modelId": MODEL,
        "system": [{"text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "What is this?"},
                    {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}},
                    {"document": {"format": "pdf", "name": "plan", "source": {"bytes": b"%PDF"}}},
                ],
            }
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}]},
        "inferenceConfig": {"maxTokens": 2000},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }
    if streaming:
        blocks, usage = gather(runtime.converse_stream(**asked)["stream"])
    else:
        answer = runtime.converse(**asked)
        assert answer["stopReason"] == "tool_use"
        blocks, usage = answer["output"]["message"]["content"], answer["usage"]
    assert blocks == [THOUGHTS, text("I look."), use("look", {"room": "red"})]
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["outputTokens"], usage["totalTokens"]) == (10, 5, 7, 22)

    sent = claude.requests[0].body
    content = sent["messages"][0]["content"]
    if kind == "anthropic":
        assert sent["thinking"] == {"type": "enabled", "budget_tokens": 1024} and sent["max_tokens"] == 2000
        assert content[1]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
        assert content[2]["source"]["media_type"] == "application/pdf" and content[2]["title"] == "plan"
    else:
        assert sent["additionalModelRequestFields"] == asked["additionalModelRequestFields"]
        assert content[1]["image"] == {"format": "png", "source": {"bytes": "iVBORw=="}}
        assert content[2]["document"]["name"] == "plan"

    # The thoughts go back as they came.
    claude.will([text("Red.")])
    result = {"toolResult": {"toolUseId": "tool-1", "content": [{"json": {"free": True}}]}}
    asked["messages"] += [{"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
    assert runtime.converse(**asked)["output"]["message"]["content"] == [text("Red.")]
    said = claude.requests[1].body["messages"][1]["content"]
    assert said[0] == (THOUGHTS if kind == "bedrock" else {"type": "thinking", "thinking": "Look first.", "signature": "c2lnbmVk"})


def gather(stream):
    """The blocks and the usage of a ConverseStream, as Converse has them."""
    blocks, usage, inputs = {}, None, {}
    for event in stream:
        ((kind, body),) = event.items()
        if kind == "contentBlockStart":
            blocks[body["contentBlockIndex"]] = {"toolUse": {**body["start"]["toolUse"]}}
        elif kind == "contentBlockDelta":
            index, delta = body["contentBlockIndex"], body["delta"]
            if "text" in delta:
                blocks.setdefault(index, {"text": ""})["text"] += delta["text"]
            elif "toolUse" in delta:
                inputs[index] = inputs.get(index, "") + delta["toolUse"]["input"]
            else:
                thoughts = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})["reasoningContent"]["reasoningText"]
                for name, piece in delta["reasoningContent"].items():
                    thoughts[name] = thoughts.get(name, "") + piece
        elif kind == "metadata":
            usage = body["usage"]
    for index, written in inputs.items():
        blocks[index]["toolUse"]["input"] = json.loads(written)
    return [blocks[index] for index in sorted(blocks)], usage


@pytest.mark.parametrize("verb", ["serve", "dev"])
def test_who_the_provider_is_is_told_and_in_serve_not_where(new_server, verb):
    where = "127.0.0.1:1"
    text = f'[providers.inner]\nkind = "openai"\nbase_url = "http://{where}/v1"\ntries = 1\n[[route]]\nmodel = "*"\nto = ["inner/x"]\n'
    text += f'[functions.far]\nurl = "http://{where}/hook"\n'
    server = new_server(verb, config=text).start()
    asked = agent(server)
    turn = asked.ask("hello", streaming=True)
    told = [turn.error.response["Error"]["Message"], json.dumps(turn.parts, default=str)]
    client = server.client("bedrock-runtime")
    with pytest.raises(ClientError) as refused:
        client.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "hello"}]}])
    told.append(refused.value.response["Error"]["Message"])
    told.append(server.shown(asked.session))
    with pytest.raises(ClientError, match="cannot be reached") as refused:
        server.functions.invoke(FunctionName="far")
    told.append(refused.value.response["Error"]["Message"])
    for text in told[0], told[2], told[3]:
        assert "inner" in text and "cannot be reached" in text
    assert {where in text for text in told[0:1] + told[2:]} == {verb == "dev"}, told
    assert verb == "dev" or where not in "".join(told)
    assert where in server.log()
