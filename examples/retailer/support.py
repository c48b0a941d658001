#!/usr/bin/env python3
"""Talks to the retailer's agent with plain boto3, and asks before an item goes back.

The agent must be there already: `bedplate dev --example retailer` makes it, and so does the deployed template on AWS. Only
AWS_ENDPOINT_URL says which of them is meant:

    eval "$(bedplate env)"      # or set AWS_ENDPOINT_URL, AWS_REGION and any credentials by hand
    python support.py "Where is my order A-1042?" "Can I return the blue one because it is too small?"
"""

import argparse
import sys
import uuid

import boto3
from botocore.exceptions import ClientError

AGENT, ALIAS = "retailer-support", "live"
# Questions that one turn may ask; an agent that asks more is not listening.
ROUNDS_MAX = 5


def find(agents):
    """The ids of the agent and its alias, by their names."""
    pages = agents.get_paginator("list_agents").paginate()
    agent_id = next((one["agentId"] for page in pages for one in page["agentSummaries"] if one["agentName"] == AGENT), None)
    if agent_id is None:
        sys.exit(f"there is no agent {AGENT} here; `bedplate dev --example retailer` makes it")
    pages = agents.get_paginator("list_agent_aliases").paginate(agentId=agent_id)
    found = (one["agentAliasId"] for page in pages for one in page["agentAliasSummaries"] if one["agentAliasName"] == ALIAS)
    return agent_id, next(found, "TSTALIASID")


def ask(runtime, to, text, approve, show=print):
    """One turn. `approve` is asked for each action that wants to be confirmed, as text such as `create_return(sku=…)`."""
    request = {"inputText": text}
    for _ in range(ROUNDS_MAX + 1):
        answer, control = b"", None
        for event in runtime.invoke_agent(**to, enableTrace=True, **request)["completion"]:
            if "chunk" in event:
                answer += event["chunk"]["bytes"]
            elif "returnControl" in event:
                control = event["returnControl"]
            else:
                show_step(event.get("trace", {}).get("trace", {}).get("orchestrationTrace", {}), show)
        if control is None:
            return answer.decode()
        results = []
        for one in control["invocationInputs"]:
            wanted = one["functionInvocationInput"]
            state = "CONFIRM" if approve(words(wanted)) else "DENY"
            result = {"actionGroup": wanted["actionGroup"], "function": wanted["function"], "confirmationState": state}
            results.append({"functionResult": result})
            show(f"  {state.lower():<7} {words(wanted)}")
        request = {"sessionState": {"invocationId": control["invocationId"], "returnControlInvocationResults": results}}
    sys.exit(f"the agent asked more than {ROUNDS_MAX} times in one turn")


def show_step(step, show):
    call = step.get("invocationInput", {}).get("actionGroupInvocationInput")
    # What waits for a yes is in the trace twice: first as RETURN_CONTROL, and when it really runs as LAMBDA.
    if call and call.get("executionType") != "RETURN_CONTROL":
        show(f"  call    {words(call)}")
    observed = step.get("observation", {}).get("actionGroupInvocationOutput")
    if observed:
        show(f"  result  {observed['text']}")


def words(call):
    arguments = ", ".join(f"{one['name']}={one['value']}" for one in call.get("parameters", []))
    return f"{call['function']}({arguments})"


def main():
    parser = argparse.ArgumentParser(description="Talks to the retailer's agent.")
    parser.add_argument("text", nargs="+", help="what to say, one turn each")
    parser.add_argument("--session", default=str(uuid.uuid4()), help="go on with this conversation")
    fixed = parser.add_mutually_exclusive_group()
    fixed.add_argument("--approve", dest="answer", action="store_const", const=True, help="agree to everything without asking")
    fixed.add_argument("--deny", dest="answer", action="store_const", const=False, help="refuse everything without asking")
    options = parser.parse_args()

    def approve(what):
        return input(f"  {what}? [y/n] ").strip().lower() in ("y", "yes") if options.answer is None else options.answer

    agent_id, alias_id = find(boto3.client("bedrock-agent"))
    to = {"agentId": agent_id, "agentAliasId": alias_id, "sessionId": options.session}
    runtime = boto3.client("bedrock-agent-runtime")
    for text in options.text:
        print(f"you     {text}", flush=True)
        answer = ask(runtime, to, text, approve, lambda line: print(line, flush=True))
        print(f"agent   {answer}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
