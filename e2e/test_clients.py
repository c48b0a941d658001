"""What others wrote against the service: handlers of a framework, printers of traces, an alias that moves under load."""

import concurrent.futures
import importlib.util
import io
import json
import pathlib
import threading
import zipfile

from support.agents import ROLE, agent, schema, unique
from support.double import call, calls, say
from support.ledger import zip_of

POWERTOOLS = """
from aws_lambda_powertools.event_handler import BedrockAgentFunctionResolver

app = BedrockAgentFunctionResolver()

@app.tool(name="add", description="Adds two numbers")
def add(a: int, b: int):
    return {"sum": a + b, "for": app.current_event.session_attributes.get("user")}

@app.tool(name="fail", description="Fails")
def fail():
    raise ValueError("no numbers left")

def handler(event, context):
    return app.resolve(event, context)
"""


def packages(*names):
    """Installed packages as they would lie in a deployment package."""
    for name in names:
        spec = importlib.util.find_spec(name)
        if not spec.submodule_search_locations:
            yield f"{name}.py", pathlib.Path(spec.origin)
            continue
        root = pathlib.Path(spec.submodule_search_locations[0])
        for path in root.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield f"{name}/{path.relative_to(root)}", path


def test_a_handler_written_with_powertools(server, model):
    package = io.BytesIO(zip_of(POWERTOOLS))
    with zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, path in packages("aws_lambda_powertools", "jmespath", "typing_extensions"):
            archive.write(path, name)
    made = server.functions.create_function(
        FunctionName=unique("powertools"),
        Runtime="python3.12",
        Handler="app.handler",
        Role=ROLE,
        Timeout=30,
        Code={"ZipFile": package.getvalue()},
    )
    tools = agent(server, {"sums": (made["FunctionArn"], schema("add", a="integer", b="integer") + schema("fail"))})
    model.will(calls(("sums__add", {"a": 2, "b": 40}), ("sums__fail", {})), say("42"))
    turn = tools.ask("2 and 40?", sessionState={"sessionAttributes": {"user": "ann"}})
    assert turn.error is None, turn.error
    added, failed = turn.observed()
    assert json.loads(added) == {"sum": 42, "for": "ann"}
    assert "no numbers left" in failed, "the framework answers with the error's text"
    model.will(call("sums__add", {"a": 1, "b": 2}), say("3"))
    turn = tools.ask("1 and 2?")
    assert json.loads(turn.observed()[0]) == {"sum": 3, "for": "ann"}, "the response fed the session's attributes back"


def print_trace(event, lines):
    """Prints a trace as sample code does: looks for each member and takes what it needs, without asking twice."""
    trace = event["trace"]["trace"]
    for kind in ("preProcessingTrace", "postProcessingTrace"):
        if kind in trace:
            lines.append(kind)
    if "orchestrationTrace" in trace:
        step = trace["orchestrationTrace"]
        if "modelInvocationInput" in step:
            lines.append(f"model {step['modelInvocationInput']['foundationModel']}")
        if "modelInvocationOutput" in step:
            usage = step["modelInvocationOutput"]["metadata"]["usage"]
            lines.append(f"tokens {usage['inputTokens']}+{usage['outputTokens']} {step['modelInvocationOutput']['metadata']['totalTimeMs'] >= 0}")
        if "rationale" in step:
            lines.append(f"thought {step['rationale']['text']}")
        if "invocationInput" in step:
            wanted = step["invocationInput"]["actionGroupInvocationInput"]
            lines.append(f"call {wanted['actionGroupName']}.{wanted['function']} {[(p['name'], p['value']) for p in wanted['parameters']]}")
        if "observation" in step:
            seen = step["observation"]
            if "actionGroupInvocationOutput" in seen:
                lines.append(f"result {seen['actionGroupInvocationOutput']['text']}")
            if "finalResponse" in seen:
                lines.append(f"final {seen['finalResponse']['text']}")


def test_a_printer_of_traces(server, model):
    remote = agent(server, {"desk": ("RETURN_CONTROL", schema("ring", bell="string"))})
    model.will(call("desk__ring", {"bell": "front"}, text="They must come.", usage=(100, 20)), say("They come.", usage=(130, 5)))
    asked = remote.ask("ring")
    sent = {"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}
    turns = [asked, remote.reply(asked.control, [sent])]
    lines = []
    for turn in turns:
        for event in turn.events:
            if "trace" in event:
                print_trace(event, lines)
    model_id = "model anthropic.claude-3-5-sonnet-20241022-v2:0"
    assert lines == [
        model_id,
        "tokens 100+20 True",
        "thought They must come.",
        "call desk.ring [('bell', 'front')]",
        "result rung",
        model_id,
        "tokens 130+5 True",
        "final They come.",
    ]
    usage = [one["metadata"]["usage"] for turn in turns for one in turn.of("modelInvocationOutput")]
    assert (sum(one["inputTokens"] for one in usage), sum(one["outputTokens"] for one in usage)) == (230, 25), "what the provider reported"


def test_an_alias_moves_under_load(server, model):
    """Deployment and rollback: every call is answered, by the one version or the other."""
    made = agent(server, instruction="You are the blue version of this agent, and you say so.")
    alias = made.publish("live")
    server.agents.update_agent(
        agentId=made.id,
        agentName=made.name,
        foundationModel="anthropic.claude-3-haiku-20240307-v1:0",
        instruction="You are the green version of this agent, and you say so.",
        agentResourceRoleArn=ROLE,
    )
    made.prepare()
    place = {"agentId": made.id, "agentAliasId": alias, "agentAliasName": "live"}
    server.agents.update_agent_alias(**place)
    model.always(lambda body: say("green" if "green version" in body["messages"][0]["content"] else "blue"))
    over = threading.Event()

    def ask(worker):
        answers = []
        while not over.is_set() or not answers:
            turn = made.ask("which?", session=f"{worker}-{len(answers)}", alias=alias)
            assert turn.error is None and {part["agentVersion"] for part in turn.parts} == {"2" if turn.answer == "green" else "1"}
            answers.append(turn.answer)
        return answers

    with concurrent.futures.ThreadPoolExecutor() as pool:
        workers = [pool.submit(ask, f"worker-{n}") for n in range(4)]
        try:
            for version in ["1", "2"] * 6:
                server.agents.update_agent_alias(**place, routingConfiguration=[{"agentVersion": version}])
                expected = "green" if version == "2" else "blue"
                assert made.ask("which?", session=unique("check"), alias=alias).answer == expected, "the next call uses the new version"
        finally:
            over.set()
        assert all(worker.result() for worker in workers)
