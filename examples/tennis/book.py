#!/usr/bin/env python3
"""Makes the tennis agent with plain boto3 and talks to it.

The same script works against AWS and against Bedplate; only the endpoint differs, and that is AWS_ENDPOINT_URL's business:

    eval "$(bedplate env)"      # or set AWS_ENDPOINT_URL, AWS_REGION and any credentials by hand
    python book.py "Book me a court for tomorrow at 3pm"

On AWS also pass --role, a role that Lambda and Bedrock may assume.
"""

import argparse
import datetime
import io
import json
import pathlib
import sys
import time
import uuid
import zipfile

import boto3
from botocore.exceptions import ClientError

TOOLS = pathlib.Path(__file__).resolve().parent / "tools"
MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
INSTRUCTION = (
    "You book tennis courts for the members of a club. When somebody wants to play, find a court that is free at the "
    "time they name, book it at once, and confirm the court, the day, the hour and the confirmation number. "
    "When no court is free at that time, say so and name the hours that are free."
)
FUNCTIONS = [
    {
        "name": "check_availability",
        "description": "Lists the slots that are free on a day. Each slot has a slot_id, a court and a time.",
        "parameters": {
            "date": {"type": "string", "description": "The day to play, as YYYY-MM-DD.", "required": True},
            "time": {
                "type": "string",
                "description": "The full hour at which to start, as HH:MM from 08:00 to 20:00. Without it the whole day is listed.",
                "required": False,
            },
        },
    },
    {
        "name": "book_slot",
        "description": "Books a free slot for the member and returns a confirmation number.",
        "parameters": {
            "slot_id": {
                "type": "string",
                "description": "The slot_id of a free slot, as check_availability lists it.",
                "required": True,
            }
        },
    },
]


def zip_of(folder):
    """A deployment package: the Python files of a folder, zipped in memory."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("*.py")):
            archive.write(path, path.name)
    return package.getvalue()


def create_function(functions, name, role, environment=None):
    """Creates the function that does the work of both tools; returns its ARN once it can be called."""
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role or "arn:aws:iam::000000000000:role/tennis-tools",
        Code={"ZipFile": zip_of(TOOLS)},
        Timeout=10,
        Environment={"Variables": environment or {}},
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    if role:
        functions.add_permission(
            FunctionName=name, StatementId="bedrock", Action="lambda:InvokeFunction", Principal="bedrock.amazonaws.com"
        )
    return arn


def create_agent(agents, name, function_arn, role):
    """Creates, prepares and publishes the agent; returns its id and its alias' id."""
    agent_id = agents.create_agent(
        agentName=name,
        description="Books tennis courts for the members of a club.",
        foundationModel=MODEL,
        instruction=INSTRUCTION,
        agentResourceRoleArn=role or "arn:aws:iam::000000000000:role/tennis-agent",
        idleSessionTTLInSeconds=1800,
    )["agent"]["agentId"]
    settled(lambda: agents.get_agent(agentId=agent_id)["agent"], "agentStatus")
    agents.create_agent_action_group(
        agentId=agent_id,
        agentVersion="DRAFT",
        actionGroupName="courts",
        actionGroupExecutor={"lambda": function_arn},
        functionSchema={"functions": FUNCTIONS},
    )
    agents.prepare_agent(agentId=agent_id)
    settled(lambda: agents.get_agent(agentId=agent_id)["agent"], "agentStatus")
    alias_id = agents.create_agent_alias(agentId=agent_id, agentAliasName="live")["agentAlias"]["agentAliasId"]
    settled(lambda: agents.get_agent_alias(agentId=agent_id, agentAliasId=alias_id)["agentAlias"], "agentAliasStatus")
    settled(lambda: agents.get_agent(agentId=agent_id)["agent"], "agentStatus")
    return agent_id, alias_id


def settled(look, member, seconds=60):
    """Looks until a status is final: those that pass end in ING (CREATING, PREPARING, VERSIONING, …)."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        status = found[member]
        if status == "FAILED":
            sys.exit(f"{found.get('agentName') or found.get('agentAliasName')}: {'; '.join(found.get('failureReasons', ['FAILED']))}")
        if not status.endswith("ING"):
            return status
        if time.monotonic() > deadline:
            sys.exit(f"still {status} after {seconds} seconds")
        time.sleep(1)


def ask(runtime, agent_id, alias_id, session_id, text, user="guest", show=print):
    """One turn. Shows the steps while they happen; returns the answer and the calls that were made."""
    response = runtime.invoke_agent(
        agentId=agent_id,
        agentAliasId=alias_id,
        sessionId=session_id,
        inputText=text,
        enableTrace=True,
        sessionState={
            "sessionAttributes": {"user": user},
            "promptSessionAttributes": {"today": datetime.date.today().isoformat()},
        },
    )
    answer, calls = b"", []
    for event in response["completion"]:
        if "chunk" in event:
            answer += event["chunk"]["bytes"]
        elif "trace" in event:
            show_step(event["trace"]["trace"], calls, show)
    return answer.decode(), calls


def show_step(trace, calls, show):
    step = trace.get("orchestrationTrace", {})
    if "rationale" in step:
        show(f"  think   {step['rationale']['text']}")
    call = step.get("invocationInput", {}).get("actionGroupInvocationInput")
    if call:
        arguments = {parameter["name"]: parameter["value"] for parameter in call.get("parameters", [])}
        calls.append((call["function"], arguments))
        show(f"  call    {call['function']}({', '.join(f'{name}={value}' for name, value in arguments.items())})")
    result = step.get("observation", {}).get("actionGroupInvocationOutput")
    if result:
        show(f"  result  {result['text']}")
    if "failureTrace" in trace:
        show(f"  failed  {trace['failureTrace'].get('failureReason')}")


def clean_up(agents, functions, agent_id, alias_id, function):
    agents.delete_agent_alias(agentId=agent_id, agentAliasId=alias_id)
    agents.delete_agent(agentId=agent_id, skipResourceInUseCheck=True)
    try:
        settled(lambda: agents.get_agent(agentId=agent_id)["agent"], "agentStatus")
    except agents.exceptions.ResourceNotFoundException:
        pass
    functions.delete_function(FunctionName=function)


def main():
    parser = argparse.ArgumentParser(description="Makes the tennis agent with boto3 and talks to it.")
    parser.add_argument("text", nargs="*", default=["Book me a court for tomorrow at 3pm"], help="what to say, one turn each")
    parser.add_argument("--name", default=f"tennis-{uuid.uuid4().hex[:8]}", help="name of agent and function")
    parser.add_argument("--role", help="ARN of a role for function and agent (needed on AWS only)")
    parser.add_argument("--agent", metavar="ID", help="talk to this agent and make none")
    parser.add_argument("--alias", metavar="ID", default="TSTALIASID", help="its alias (TSTALIASID)")
    parser.add_argument("--session", default=str(uuid.uuid4()), help="go on with this conversation")
    parser.add_argument("--user", default="guest", help="who books")
    parser.add_argument("--data", metavar="FOLDER", help="where the function keeps the bookings (its temporary folder)")
    parser.add_argument("--cleanup", action="store_true", help="delete agent and function at the end")
    options = parser.parse_args()

    functions, agents, runtime = (boto3.client(service) for service in ("lambda", "bedrock-agent", "bedrock-agent-runtime"))
    agent_id, alias_id = options.agent, options.alias
    if not agent_id:
        environment = {"TENNIS_DATA": options.data} if options.data else {}
        function_arn = create_function(functions, options.name, options.role, environment)
        agent_id, alias_id = create_agent(agents, options.name, function_arn, options.role)
    print(json.dumps({"agentId": agent_id, "agentAliasId": alias_id, "sessionId": options.session}), flush=True)
    try:
        for text in options.text:
            print(f"you     {text}", flush=True)
            answer, _ = ask(runtime, agent_id, alias_id, options.session, text, options.user, lambda line: print(line, flush=True))
            print(f"agent   {answer}", flush=True)
    finally:
        if options.cleanup and not options.agent:
            clean_up(agents, functions, agent_id, alias_id, options.name)
            print("deleted agent and function")


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
