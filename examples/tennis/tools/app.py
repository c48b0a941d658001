"""The agent's tools as one ordinary Lambda function.

An agent calls a function with the name of the tool and its parameters, every value as a string, and hands the text
that comes back to its model. So results are JSON texts, and whatever a member can get wrong is a result, not an
exception: the model can then explain it.

A program of one's own calls it plainly, `{"tool": "check_availability", "date": "2026-11-21"}`, and gets the bare result.
"""

import json

import courts


def handler(event, context):
    if "tool" in event:
        return result_of(event["tool"], event, event.get("user", "guest"), event.get("key"))
    parameters = {parameter["name"]: parameter["value"] for parameter in event.get("parameters", [])}
    member = event.get("sessionAttributes", {}).get("user", "guest")
    result = result_of(event["function"], parameters, member, idempotency_key(context))
    return {
        "messageVersion": "1.0",
        "response": {
            "actionGroup": event["actionGroup"],
            "function": event["function"],
            "functionResponse": {"responseBody": {"TEXT": {"body": json.dumps(result)}}},
        },
    }


def result_of(tool, parameters, member, key):
    try:
        if tool == "check_availability":
            result = courts.free_slots(parameters.get("date"), parameters.get("time"))
        elif tool == "book_slot":
            result = courts.book(parameters.get("slot_id"), member, key)
        else:
            result = {"error": f"there is no tool {tool}"}
    except courts.Mistake as mistake:
        result = {"error": str(mistake)}
    print(f"{tool} {parameters} for {member} -> {json.dumps(result)[:200]}")
    return result


def idempotency_key(context):
    """Equal when the same call is made again, after a crash for example; None where the caller gives no key."""
    client = getattr(context, "client_context", None)
    custom = getattr(client, "custom", None) or {}
    return custom.get("idempotencyKey")
