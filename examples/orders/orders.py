#!/usr/bin/env python3
"""Makes the order bot with plain boto3 and talks to it; runs the action that the agent leaves to its client.

The same script works against AWS and against Bedplate; only the endpoint differs, and that is AWS_ENDPOINT_URL's business:

    eval "$(bedplate env)"      # or set AWS_ENDPOINT_URL, AWS_REGION and any credentials by hand
    python orders.py "Where is my order B-2001?" "Open my calendar for next Monday"

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
TALK = ["Where is my order B-2001, and can you cancel it if it hasn't shipped?", "Open my calendar for next Monday"]
# Questions that one turn may ask; an agent that asks more is not listening.
ROUNDS_MAX = 5
INSTRUCTION = (
    "You help customers with their orders. Look an order up before you speak of it. Cancel one only when the customer asks "
    "for it, and tell what comes back. The customer has a calendar at hand, which you can open for them; relative days such as "
    '"next Monday" count from the current date.'
)
ORDER_ID = {"type": "string", "description": "The order's number, such as B-2001.", "required": True}
ORDER_FUNCTIONS = [
    {
        "name": "get_order_status",
        "description": "Looks up where an order is and when it is expected.",
        "parameters": {"order_id": ORDER_ID},
    },
    {
        "name": "cancel_order",
        "description": "Cancels an order that has not been shipped yet.",
        "parameters": {
            "order_id": ORDER_ID,
            "reason": {"type": "string", "description": "Why, in the customer's words.", "required": False},
        },
    },
]
CLIENT_FUNCTIONS = [
    {
        "name": "open_calendar",
        "description": "Opens the customer's calendar on a day and tells what is in it.",
        "parameters": {"date": {"type": "string", "description": "The day, as YYYY-MM-DD.", "required": True}},
    }
]


# --- What this program does itself


def open_calendar(date):
    """A real client would show a window; this one is busy on Mondays."""
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:
        return f"{date} is not a day; write it as YYYY-MM-DD."
    busy = "12:30 lunch with Mira" if day.weekday() == 0 else "nothing"
    return f"{day:%A}, {day}: {busy}."


LOCAL = {"open_calendar": open_calendar}


def result_of(wanted):
    """Runs what the agent left to us; a mistake is told to the model, which can then correct itself."""
    arguments = {one["name"]: one["value"] for one in wanted.get("parameters", [])}
    result = {"actionGroup": wanted["actionGroup"], "function": wanted["function"]}
    try:
        text = LOCAL[wanted["function"]](**arguments)
    except (KeyError, TypeError) as mistake:
        text = f"{wanted['function']} cannot be run here: {mistake}"
        result["responseState"] = "REPROMPT"
    return {"functionResult": {**result, "responseBody": {"TEXT": {"body": text}}}}


# --- A turn


class Talk:
    """One conversation: its session, and what every request of it tells about the customer."""

    def __init__(self, runtime, agent_id, alias_id, session_id, user, tier, today, show=print):
        self.runtime, self.show = runtime, show
        self.to = {"agentId": agent_id, "agentAliasId": alias_id, "sessionId": session_id}
        # The first are for tools: a model never sees them. The second are for the model's prompt: a tool gets them, too.
        self.state = {"sessionAttributes": {"user_id": user, "tier": tier}, "promptSessionAttributes": {"current_date": today}}

    def ask(self, text):
        """Says something and runs what comes back, until there is an answer."""
        request = {"inputText": text, "sessionState": self.state}
        for _ in range(ROUNDS_MAX + 1):
            answer, control = self.request(request)
            if control is None:
                return answer
            results = [result_of(one["functionInvocationInput"]) for one in control["invocationInputs"]]
            answers = {"invocationId": control["invocationId"], "returnControlInvocationResults": results}
            request = {"sessionState": {**self.state, **answers}}
        raise SystemExit(f"the agent asked more than {ROUNDS_MAX} times in one turn")

    def request(self, request):
        answer, control = b"", None
        for event in self.runtime.invoke_agent(**self.to, enableTrace=True, **request)["completion"]:
            if "chunk" in event:
                answer += event["chunk"]["bytes"]
            elif "returnControl" in event:
                control = event["returnControl"]
            elif "trace" in event:
                self.show_step(event["trace"]["trace"])
        return answer.decode(), control

    def show_step(self, trace):
        """One line for each thing worth knowing; a trace has much more."""
        step = trace.get("orchestrationTrace", {})
        if "rationale" in step:
            self.show(f"  think   {step['rationale']['text']}")
        call = step.get("invocationInput", {}).get("actionGroupInvocationInput")
        if call:
            arguments = ", ".join(f"{one['name']}={one['value']}" for one in call.get("parameters", []))
            who = "here" if call.get("executionType") == "RETURN_CONTROL" else "call"
            self.show(f"  {who}    {call['function']}({arguments})")
        observed = step.get("observation", {}).get("actionGroupInvocationOutput")
        if observed:
            self.show(f"  result  {observed['text']}")
        usage = step.get("modelInvocationOutput", {}).get("metadata", {}).get("usage")
        if usage:
            self.show(f"  tokens  {usage.get('inputTokens', 0)} in, {usage.get('outputTokens', 0)} out")
        if "failureTrace" in trace:
            self.show(f"  failed  {trace['failureTrace'].get('failureReason')}")


# --- Function and agent


def create_function(functions, name, role, environment):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(TOOLS.glob("*.py")):
            archive.write(path, path.name)
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="order_tools.handler",
        Role=role or "arn:aws:iam::000000000000:role/order-tools",
        Code={"ZipFile": package.getvalue()},
        Timeout=10,
        Environment={"Variables": environment},
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
        description="Tells customers about their orders and cancels them.",
        foundationModel=MODEL,
        instruction=INSTRUCTION,
        agentResourceRoleArn=role or "arn:aws:iam::000000000000:role/order-bot",
        idleSessionTTLInSeconds=1800,
    )["agent"]["agentId"]
    status_of(agents, agent_id)
    groups = {"orders": ({"lambda": function_arn}, ORDER_FUNCTIONS), "desktop": ({"customControl": "RETURN_CONTROL"}, CLIENT_FUNCTIONS)}
    for group, (executor, schema) in groups.items():
        agents.create_agent_action_group(
            agentId=agent_id,
            agentVersion="DRAFT",
            actionGroupName=group,
            actionGroupExecutor=executor,
            functionSchema={"functions": schema},
        )
    agents.prepare_agent(agentId=agent_id)
    status_of(agents, agent_id)
    alias_id = agents.create_agent_alias(agentId=agent_id, agentAliasName="live")["agentAlias"]["agentAliasId"]
    settled(lambda: agents.get_agent_alias(agentId=agent_id, agentAliasId=alias_id)["agentAlias"], "agentAliasStatus")
    status_of(agents, agent_id)
    return agent_id, alias_id


def status_of(agents, agent_id):
    return settled(lambda: agents.get_agent(agentId=agent_id)["agent"], "agentStatus")


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


def clean_up(agents, functions, agent_id, alias_id, function):
    agents.delete_agent_alias(agentId=agent_id, agentAliasId=alias_id)
    agents.delete_agent(agentId=agent_id, skipResourceInUseCheck=True)
    try:
        status_of(agents, agent_id)
    except agents.exceptions.ResourceNotFoundException:
        pass
    functions.delete_function(FunctionName=function)


def main():
    parser = argparse.ArgumentParser(description="Makes the order bot with boto3 and talks to it.")
    parser.add_argument("text", nargs="*", default=TALK, help="what to say, one turn each")
    parser.add_argument("--name", default=f"orders-{uuid.uuid4().hex[:8]}", help="name of agent and function")
    parser.add_argument("--role", help="ARN of a role for function and agent (needed on AWS only)")
    parser.add_argument("--agent", metavar="ID", help="talk to this agent and make none")
    parser.add_argument("--alias", metavar="ID", default="TSTALIASID", help="its alias (TSTALIASID)")
    parser.add_argument("--session", default=str(uuid.uuid4()), help="go on with this conversation")
    parser.add_argument("--user", default="u-1001", help="who is signed in: u-1001 or u-2002")
    parser.add_argument("--tier", default="standard", help="what that customer may do: standard or gold")
    parser.add_argument("--today", metavar="DATE", default=datetime.date.today().isoformat(), help="the date that the model is told")
    parser.add_argument("--data", metavar="FOLDER", help="where the function keeps cancellations (its temporary folder)")
    parser.add_argument("--cleanup", action="store_true", help="delete agent and function at the end")
    options = parser.parse_args()

    functions, agents, runtime = (boto3.client(service) for service in ("lambda", "bedrock-agent", "bedrock-agent-runtime"))
    agent_id, alias_id = options.agent, options.alias
    if not agent_id:
        environment = {"ORDERS_DATA": options.data} if options.data else {}
        function_arn = create_function(functions, options.name, options.role, environment)
        agent_id, alias_id = create_agent(agents, options.name, function_arn, options.role)
    print(json.dumps({"agentId": agent_id, "agentAliasId": alias_id, "sessionId": options.session}), flush=True)
    show = lambda line: print(line, flush=True)  # noqa: E731
    talk = Talk(runtime, agent_id, alias_id, options.session, options.user, options.tier, options.today, show)
    try:
        for text in options.text:
            show(f"you     {text}")
            show(f"agent   {talk.ask(text)}")
    finally:
        if options.cleanup and not options.agent:
            clean_up(agents, functions, agent_id, alias_id, options.name)
            show("deleted agent and function")


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
