"""Asynchronous invokes: how often they are made, who hears how they ended, and that none is lost."""

import json

import pytest
from botocore.exceptions import ClientError

from support.agents import ROLE, unique
from support.ledger import zip_of
from support.wait import until

WRITES = """
import json, os
def handler(event, context):
    with open(os.environ["PLACE"], "a") as file:
        file.write(json.dumps(event) + "\\n")
        file.flush()
        os.fsync(file.fileno())
    if event.get("fail"):
        raise ValueError("no")
"""


def create(server, place):
    sent = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": zip_of(WRITES)}, "Timeout": 30}
    return server.functions.create_function(FunctionName=unique("fn"), Environment={"Variables": {"PLACE": str(place)}}, **sent)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_failures_go_to_a_file_and_to_a_function(server, tmp_path):
    functions, calls, told = server.functions, tmp_path / "calls", tmp_path / "told"
    made, listener = create(server, calls), create(server, told)
    name = made["FunctionName"]
    with pytest.raises(ClientError, match="doesn't have an EventInvokeConfig"):
        functions.get_function_event_invoke_config(FunctionName=name)
    sent = {"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": listener["FunctionArn"]}}}
    put = functions.put_function_event_invoke_config(FunctionName=name, **sent)
    assert put["FunctionArn"] == made["FunctionArn"] + ":$LATEST" and put["LastModified"].year > 2000
    functions.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=90)
    listed = functions.get_paginator("list_function_event_invoke_configs").paginate(FunctionName=name)
    (config,) = [one for page in listed for one in page["FunctionEventInvokeConfigs"]]
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 90)

    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"fail": true}')
    until(lambda: lines(told), "the record at the destination")
    (record,) = lines(told)
    assert record["requestContext"]["condition"] == "RetriesExhausted" and record["requestPayload"] == {"fail": True}
    assert record["requestContext"]["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert lines(server.state / f"functions/dead-letters/{name}.jsonl") == [record]
    assert len(lines(calls)) == 1
    functions.delete_function_event_invoke_config(FunctionName=name)


def test_no_accepted_event_is_lost_by_kill_9(new_server, tmp_path):
    own, calls = new_server().start(), tmp_path / "calls"
    name = create(own, calls)["FunctionName"]
    for n in range(40):
        assert own.functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": n}))["StatusCode"] == 202
    own.kill9()
    own.restart()
    until(lambda: {line["n"] for line in lines(calls)} == set(range(40)), "every event that was accepted")


def test_functions_do_not_call_one_another_for_ever(server, tmp_path):
    functions, calls = server.functions, tmp_path / "calls"
    made = create(server, calls)
    name = made["FunctionName"]
    to_itself = {"DestinationConfig": {"OnSuccess": {"Destination": made["FunctionArn"]}}}
    functions.put_function_event_invoke_config(FunctionName=name, **to_itself)

    def first(event):
        while "requestPayload" in event:
            event = event["requestPayload"]
        return event["n"]

    # An event and sixteen records of records. The second chain is there for the time that it takes: meanwhile the first one does not go on.
    for n in (1, 2):
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": n}))
        until(lambda n=n: sum(first(event) == n for event in lines(calls)) >= 17, "the last record of a chain")
    assert [first(event) for event in lines(calls)] == [1] * 17 + [2] * 17
