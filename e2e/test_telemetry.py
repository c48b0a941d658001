"""Metrics as Prometheus reads them, and traces as a receiver with OpenTelemetry's own classes decodes them."""

import json
import re
import urllib.error
import urllib.request

import pytest

from support.agents import MODEL, agent, function, schema
from support.crash import BROKEN
from support.double import Gate, call, calls, fail, say
from support.server import ACCOUNT
from support.wait import until

Collector = pytest.importorskip("support.collector", reason="opentelemetry-proto is not installed").Collector

SOURCE = """
def handler(event, context):
    if event["function"] == "hold":
        wait_for("hold")
    if event["function"] == "burn":
        raise ValueError("the house burns")
    note(event, context)
    told = {"custom": context.client_context.custom, "xray": os.environ["_X_AMZN_TRACE_ID"]}
    with open(os.environ["LEDGER"] + ".told", "a") as out:
        out.write(json.dumps(told) + "\\n")
    return answer(event, "done")
"""
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "the canary sings at dawn"


@pytest.fixture
def collector():
    collector = Collector()
    yield collector
    collector.stop()


@pytest.fixture
def traced(new_server, double, collector):
    """Makes servers that send traces to the collector."""

    def make(more="", verb="serve", **variables):
        config = double.config(f'\n[telemetry]\notlp = "{collector.url}"\n{more}')
        return new_server(verb, config=config, variables=variables).start()

    return make


def keeper(server, ledger):
    arn = function(server, SOURCE, ledger.variables())
    return agent(server, {"rooms": (arn, schema("book", "hold", "burn", room="string?")), "desk": ("RETURN_CONTROL", schema("ring"))})


def sending(server, **headers):
    """From now on every InvokeAgent of this server's client carries these headers."""
    server.runtime.meta.events.register(
        "before-send.bedrock-agent-runtime.InvokeAgent", lambda request, **_: request.headers.update(headers) and None
    )


def metrics(server, **headers):
    request = urllib.request.Request(server.url + "/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+", line), line
            continue
        match = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)+\})? (\S+)', line)
        assert match, line
        assert (match[1], match[2] or "") not in found, f"twice: {line}"
        found[match[1], match[2] or ""] = float(match[3])
    return found


def test_metrics_count_what_happened(new_server, model, ledger):
    server = new_server().start()
    keep = keeper(server, ledger)
    before = metrics(server)
    model.will(call("rooms__book", {"room": "blue"}, usage=(100, 20)), say("Booked.", usage=(150, 5)), call("rooms__burn"))
    assert keep.ask("book blue").answer == "Booked."
    assert keep.ask("burn it").error
    with pytest.raises(server.agents.exceptions.ResourceNotFoundException):
        server.agents.get_agent(agentId="NOSUCHAGEN")
    after = metrics(server)
    grown = {key: number - before.get(key, 0) for key, number in after.items() if number != before.get(key, 0)}
    assert grown["bedplate_turns_total", '{outcome="answered"}'] == 1
    assert grown["bedplate_turns_total", '{outcome="failed"}'] == 1
    assert grown["bedplate_turn_seconds_count", '{outcome="answered"}'] == 1
    assert grown["bedplate_model_calls_total", '{provider="double",model="test",outcome="ok"}'] == 3
    assert grown["bedplate_model_tokens_total", '{provider="double",model="test",type="input"}'] == 261
    assert grown["bedplate_model_tokens_total", '{provider="double",model="test",type="output"}'] == 32
    assert grown["bedplate_tool_calls_total", '{function="book",outcome="ok"}'] == 1
    assert grown["bedplate_tool_calls_total", '{function="burn",outcome="failed"}'] == 1
    assert grown["bedplate_errors_total", '{kind="ValueError"}'] == 1
    assert grown["bedplate_errors_total", '{kind="ResourceNotFoundException"}'] == 1
    assert grown["bedplate_http_requests_total", '{operation="bedrock-agent-runtime:InvokeAgent",status="200"}'] == 2
    assert grown["bedplate_http_requests_total", '{operation="bedrock-agent:GetAgent",status="404"}'] == 1
    assert grown["bedplate_commit_group_size_count", ""] >= 6
    assert after["bedplate_executions", '{state="active"}'] == 0 and after["bedplate_executions", '{state="idle"}'] == 1
    assert after["bedplate_http_waiting", '{kind="turns"}'] == 0


def test_who_may_read_metrics(new_server, double):
    for more, status in (("", 403), ('\n[telemetry]\nmetrics = "public"\n', 200)):
        server = new_server(config=double.config(more)).start()
        assert metrics(server)
        request = urllib.request.Request(server.url + "/metrics", headers={"host": "agents.example.com"})
        try:
            got = urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            got = error.code
        assert got == status
    assert urllib.request.urlopen(server.url + "/readyz", timeout=10).status == 200


def test_one_tree_from_client_to_model_and_function(traced, model, ledger, collector):
    server = traced()
    keep = keeper(server, ledger)
    sending(server, traceparent=f"00-{TRACE}-{PARENT}-01")
    model.will(call("rooms__book", {"room": SECRET}, usage=(100, 20)), say("Booked.", usage=(150, 5)))
    assert keep.ask(f"book {SECRET}").answer == "Booked."
    root, first, tool, second = collector.wait(4)
    assert [span.name for span in (root, first, tool, second)] == [
        f"invoke_agent {keep.name}",
        f"chat {MODEL}",
        "execute_tool book",
        f"chat {MODEL}",
    ]
    assert {span.trace for span in collector.spans} == {TRACE}
    assert root.parent == PARENT and {first.parent, tool.parent, second.parent} == {root.id}
    assert len({span.id for span in collector.spans}) == 4
    assert all(root.start <= span.start <= span.end <= root.end for span in (first, tool, second))
    assert first.end <= tool.start and tool.end <= second.start
    told = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.id": keep.id,
        "gen_ai.agent.name": keep.name,
        "gen_ai.conversation.id": keep.session,
        "gen_ai.usage.input_tokens": 250,
        "gen_ai.usage.output_tokens": 25,
    }
    assert told.items() <= root.attributes.items()
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "double",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": "test",
        "gen_ai.response.finish_reasons": ["tool_use"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    assert told.items() <= first.attributes.items()
    assert {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "book"}.items() <= tool.attributes.items()
    assert root.resource["service.name"] == "bedplate"
    # Out: into the model's request, and into the function.
    assert [headers["traceparent"] for headers in model.headers] == [f"00-{TRACE}-{span.id}-01" for span in (first, second)]
    told = json.loads((ledger.path.with_name("ledger.jsonl.told")).read_text())
    assert told["custom"]["traceparent"] == f"00-{TRACE}-{tool.id}-01"
    assert told["xray"] == f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={tool.id};Sampled=1"
    # What was said is in no span unless somebody asked for that.
    assert SECRET not in str([vars(span) for span in collector.spans])


def test_content_when_asked_for(traced, model, ledger, collector):
    server = traced("content = true")
    keep = keeper(server, ledger)
    model.will(call("rooms__book", {"room": "blue"}), say("It is booked."))
    keep.ask("book blue, please")
    root, first, tool, second = collector.wait(4)
    assert "book blue, please" in first.attributes["gen_ai.input.messages"]
    assert "guests of a house" in first.attributes["gen_ai.system_instructions"]
    assert "It is booked." in second.attributes["gen_ai.output.messages"]
    assert "blue" in tool.attributes["gen_ai.tool.call.arguments"] and "done" in tool.attributes["gen_ai.tool.call.result"]
    assert root.attributes["gen_ai.output.messages"] == "It is booked."


def test_a_turn_that_a_crash_interrupted_is_one_trace(traced, model, ledger, collector, background):
    server = traced()
    keep = keeper(server, ledger)
    model.will(call("rooms__hold", {"room": "blue"}), say("It is yours."))
    cut = background(keep.ask, "hold blue")
    ledger.reached("hold")
    server.kill9()
    assert isinstance(cut.result(), BROKEN)
    (ledger.gates / "reached-hold").unlink()
    assert collector.spans == []
    server.restart()
    ledger.reached("hold")
    ledger.open("hold")
    root, first, tool, second = collector.wait(4)
    assert root.attributes["bedplate.resumed"] is True and root.attributes["bedplate.outcome"] == "answered"
    assert len({span.trace for span in collector.spans}) == 1
    assert {span.parent for span in (first, tool, second)} == {root.id}
    parents = {json.loads(line)["custom"]["traceparent"] for line in ledger.path.with_name("ledger.jsonl.told").read_text().splitlines()}
    assert parents == {f"00-{root.trace}-{tool.id}-01"}
    assert metrics(server)["bedplate_model_calls_total", '{provider="double",model="test",outcome="ok"}'] == 1, "the call before is not counted again"


def test_questions_to_the_client_end_a_span(traced, model, ledger, collector):
    server = traced()
    keep = keeper(server, ledger)
    model.will(call("desk__ring"), say("It rang."))
    asked = keep.ask("ring")
    collector.wait(2)
    wanted = asked.control["invocationInputs"][0]["functionInvocationInput"]
    keep.reply(asked.control, [{"actionGroup": wanted["actionGroup"], "function": wanted["function"], "responseBody": {"TEXT": {"body": "ding"}}}])
    spans = collector.wait(4)
    roots = [span for span in spans if span.name.startswith("invoke_agent")]
    assert [root.attributes["bedplate.outcome"] for root in roots] == ["return_control", "answered"]


CONVERSE = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": SECRET}]}], "inferenceConfig": {"maxTokens": 50}}
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": SECRET}]}
NATIVE = {"modelId": MODEL, "body": json.dumps(CLAUDE)}
EMBEDDED = {"modelId": "amazon.titan-embed-text-v2:0", "body": json.dumps({"inputText": SECRET})}


def models(server, **headers):
    """A client of bedrock-runtime whose requests carry these headers."""
    client = server.client("bedrock-runtime")
    client.meta.events.register("before-send.bedrock-runtime", lambda request, **_: request.headers.update(headers) and None)
    return client


@pytest.mark.parametrize("operation", ["converse", "converse_stream", "invoke_model", "invoke_model_with_response_stream"])
def test_calls_of_models_without_an_agent_are_spans(traced, model, collector, operation):
    server = traced()
    client = models(server, traceparent=f"00-{TRACE}-{PARENT}-01")
    model.will(say("Yes.", usage=(100, 20)), fail(400))
    wanted = CONVERSE if "converse" in operation else NATIVE
    answer = getattr(client, operation)(**wanted)
    if "stream" in operation:
        list(answer["stream"] if "stream" in answer else answer["body"])
    with pytest.raises(client.exceptions.ValidationException):
        getattr(client, operation)(**wanted)
    good, bad = collector.wait(2)
    for span in (good, bad):
        assert (span.name, span.kind, span.trace, span.parent) == (f"chat {MODEL}", 3, TRACE, PARENT)
        told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": MODEL, "cloud.account.id": ACCOUNT, "cloud.region": "us-east-1"}
        assert told.items() <= span.attributes.items()
    told = {
        "gen_ai.provider.name": "double",
        "gen_ai.response.model": "test",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
    }
    assert told.items() <= good.attributes.items() and not good.failed
    assert good.attributes["gen_ai.request.max_tokens"] == 50
    assert bad.failed and bad.attributes["error.type"] == "Model.Validation"
    assert len({good.id, bad.id}) == 2
    assert [headers["traceparent"] for headers in model.headers] == [f"00-{TRACE}-{span.id}-01" for span in (good, bad)]
    assert SECRET not in str([vars(span) for span in collector.spans])


def test_embeddings_are_spans_and_counted(traced, model, collector):
    server = traced()
    client = models(server, traceparent=f"00-{TRACE}-{PARENT}-01")
    model.will(say(usage=(9, 0)), fail(400))
    client.invoke_model(**EMBEDDED)
    with pytest.raises(client.exceptions.ValidationException):
        client.invoke_model(**EMBEDDED)
    good, bad = collector.wait(2)
    for span in (good, bad):
        assert (span.name, span.trace, span.parent) == (f"embeddings {EMBEDDED['modelId']}", TRACE, PARENT)
    told = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "double",
        "gen_ai.request.model": EMBEDDED["modelId"],
        "gen_ai.response.model": "test",
        "gen_ai.usage.input_tokens": 9,
    }
    assert told.items() <= good.attributes.items() and "gen_ai.usage.output_tokens" not in good.attributes
    assert bad.failed and bad.attributes["error.type"] == "Model.Validation"
    assert model.headers[0]["traceparent"] == f"00-{TRACE}-{good.id}-01"
    got = metrics(server)
    assert got["bedplate_model_calls_total", '{provider="double",model="test",outcome="ok"}'] == 1
    assert got["bedplate_model_tokens_total", '{provider="double",model="test",type="input"}'] == 9


def test_an_asynchronous_invocation_belongs_to_the_clients_trace(traced, model, collector):
    server = traced()
    server.client("s3").create_bucket(Bucket="answers")
    model.will(say("Yes."))
    output = {"s3OutputDataConfig": {"s3Uri": "s3://answers/"}}
    client = models(server, traceparent=f"00-{TRACE}-{PARENT}-01")
    client.start_async_invoke(modelId=MODEL, modelInput=CLAUDE, outputDataConfig=output)
    span = collector.wait(1)[0]
    assert (span.name, span.trace, span.parent) == (f"chat {MODEL}", TRACE, PARENT)


def test_a_client_that_leaves_ends_its_span(traced, model, collector):
    server = traced()
    gate = Gate()
    model.will(say("One", gate, " two."))
    stream = models(server).converse_stream(**CONVERSE)["stream"]
    gate.reached()
    next(iter(stream))
    stream.close()
    span = collector.wait(1)[0]
    gate.open()
    assert span.failed and span.attributes["error.type"] == "cancelled" and not span.parent


def test_content_of_calls_without_an_agent(traced, model, collector):
    server = traced("content = true")
    model.will(say("It is late."))
    models(server).converse(**CONVERSE)
    span = collector.wait(1)[0]
    assert SECRET in span.attributes["gen_ai.input.messages"] and "It is late." in span.attributes["gen_ai.output.messages"]


@pytest.mark.parametrize("sample, kept", [('"none"', 0), ('"errors"', 1), ("0.0", 0), ("1.0", 2)])
def test_sampling_of_calls_without_an_agent(traced, model, collector, sample, kept):
    server = traced(f"sample = {sample}")
    model.will(say("Yes."), fail(400))
    client = models(server)
    client.converse(**CONVERSE)
    with pytest.raises(client.exceptions.ValidationException):
        client.converse(**CONVERSE)
    server.stop()
    assert [span.failed for span in collector.spans] == [False, True][2 - kept :]


@pytest.mark.parametrize("sample, kept", [('"none"', 0), ('"errors"', 2), ("0.0", 0), ("1.0", 4)])
def test_sampling(traced, model, ledger, collector, sample, kept):
    server = traced(f"sample = {sample}")
    keep = keeper(server, ledger)
    model.will(say("Yes."), fail(400))
    keep.ask("well?")
    assert keep.ask("fail").error
    server.stop()
    assert len(collector.spans) == kept
    if sample == '"errors"':
        root = next(span for span in collector.spans if span.name.startswith("invoke_agent"))
        chat = next(span for span in collector.spans if span.name.startswith("chat"))
        assert root.failed and chat.failed and root.attributes["error.type"] and chat.attributes["error.type"]


def test_a_client_that_is_not_sampled_is_believed(traced, model, ledger, collector):
    server = traced()
    keep = keeper(server, ledger)
    sending(server, traceparent=f"00-{TRACE}-{PARENT}-00")
    model.will(say("Yes."))
    keep.ask("well?")
    server.stop()
    assert collector.spans == []
    assert model.headers[0]["traceparent"].startswith(f"00-{TRACE}-") and model.headers[0]["traceparent"].endswith("-00")


def test_the_environment_names_the_receiver(new_server, model, ledger, collector):
    server = new_server(
        variables={
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20c2VjcmV0,x-team=shop",
            "OTEL_SERVICE_NAME": "front-desk",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
    ).start()
    model.will(say("Yes."))
    keeper(server, ledger).ask("well?")
    spans = collector.wait(2)
    assert spans[0].resource["service.name"] == "front-desk" and spans[0].resource["deployment.environment.name"] == "test"
    path, headers = collector.requests[0]
    assert path == "/v1/traces" and headers["content-type"] == "application/x-protobuf"
    assert headers["authorization"] == "Basic c2VjcmV0" and headers["x-team"] == "shop"
    assert "c2VjcmV0" not in server.log()


def test_a_receiver_that_is_down_costs_only_spans(traced, model, ledger, collector):
    server = traced()
    keep = keeper(server, ledger)
    collector.stop()
    model.will(calls(("rooms__book", {"room": "a"}), ("rooms__book", {"room": "b"})), say("Both."))
    assert keep.ask("both").answer == "Both."
    until(lambda: metrics(server).get(("bedplate_spans_total", '{outcome="failed"}')) == 5, "the spans are counted as failed")
    assert "spans could not be sent" in server.log()


def test_mistakes_are_told_at_the_start(new_server, double):
    for line, told in (
        ('otlp = "ftp://x"', "telemetry.otlp"),
        ('sample = "some"', "errors"),
        ("sample = 2", "0 to 1"),
        ('metrics = "all"', "public"),
        ('otpl = "x"', "otlp"),
    ):
        server = new_server(config=double.config(f"\n[telemetry]\n{line}\n"))
        server.launch()
        assert server.process.wait(20) != 0
        assert told in server.log(), line
