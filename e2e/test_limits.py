"""What is too much is told to come again, by the name that each service has for it, and SDKs do."""

import concurrent.futures

import boto3
from botocore.config import Config

from support.agents import agent, function, refused
from support.double import Gate, say
from support.raw import request
from support.server import REGION

TURNS = "\n[limits]\nturns = 1\nturns_waiting = 0\n"
REQUESTS = "\n[limits]\nrequests = 1\n"


def test_turns_beyond_the_limit_are_throttled(new_server, double, model):
    server = new_server(config=double.config(TURNS)).start()
    made = agent(server, {})
    gate = Gate()
    model.will(say("<answer>first ", gate, "turn</answer>"), say("second turn"))
    turn, stream = made.ask("go", session="s-1", streaming=True, collect=False)
    events = iter(stream)
    next(events)
    gate.reached()
    code, message, status = refused(made.ask, text="me too", session="s-2")
    assert (code, status) == ("ThrottlingException", 429) and "1 turns" in message
    path = f"/agents/{made.id}/agentAliases/{made.alias}/sessions/s-3/text"
    status, headers, _ = request(server, "POST", path, {"inputText": "and me"})
    assert status == 429 and headers["retry-after"] == "1" and headers["x-amzn-errortype"].startswith("ThrottlingException")
    # Everything else goes on beside the turn.
    assert server.agents.get_agent(agentId=made.id)["agent"]["agentName"] == made.name
    assert request(server, "GET", "/_bedplate/sessions")[0] == 200
    # A client with the SDK's own patience is served once there is room.
    patient = boto3.Session("local", "local", region_name=REGION).client(
        "bedrock-agent-runtime", endpoint_url=server.url, config=Config(retries={"mode": "standard", "total_max_attempts": 8})
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(patient.invoke_agent, agentId=made.id, agentAliasId=made.alias, sessionId="s-4", inputText="me too")
        gate.open()
        assert [event for event in events], "the first turn ends as if nothing had been"
        answer = waiting.result(60)
        assert b"".join(event["chunk"]["bytes"] for event in answer["completion"] if "chunk" in event) == b"second turn"


def test_requests_beyond_the_limit_are_throttled(new_server):
    server = new_server(config=REQUESTS).start()
    arn = function(server, "def handler(event, context):\n    import time\n    time.sleep(event)\n    return 'slept'")
    server.functions.invoke(FunctionName=arn, Payload=b"0")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sleeping = pool.submit(server.functions.invoke, FunctionName=arn, Payload=b"3")
        told = {}
        while not sleeping.done() and len(told) < 4:
            for name, call in {
                "lambda": server.functions.list_functions,
                "bedrock-agent": server.agents.list_agents,
                "iam": server.client("iam").list_roles,
                "sts": server.client("sts").get_caller_identity,
            }.items():
                try:
                    call()
                except server.functions.exceptions.ClientError as error:
                    told[name] = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert sleeping.result(30)["StatusCode"] == 200
    assert told == {
        "lambda": ("TooManyRequestsException", 429),
        "bedrock-agent": ("ThrottlingException", 429),
        "iam": ("Throttling", 400),
        "sts": ("Throttling", 400),
    }
