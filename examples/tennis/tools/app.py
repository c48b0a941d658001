"""The agent's tools as one ordinary Lambda function.

An agent calls a function with the name of the tool and its parameters, every value as a string, and hands the text
that comes back to its model. So results are JSON texts, and whatever a member can get wrong is a result, not an
exception: the model can then explain it.
"""

import json

import courts


def handler(event, context):
    parameters = {parameter["name"]: parameter["value"] for parameter in event.get("parameters", [])}
    member = event.get("sessionAttributes", {}).get("user", "guest")
    try:
        if event["function"] == "check_availability":
            result = courts.free_slots(parameters.get("date"), parameters.get("time"))
        elif event["function"] == "book_slot":
            result = courts.book(parameters.get("slot_id"), member, idempotency_key(context))
        else:
            result = {"error": f"there is no tool {event['function']}"}
    except courts.Mistake as mistake:
        result = {"error": str(mistake)}
    print(f"{event['function']} {parameters} for {member} -> {json.dumps(result)[:200]}")
    return {
        "messageVersion": "1.0",
        "response": {
            "actionGroup": event["actionGroup"],
            "function": event["function"],
            "functionResponse": {"responseBody": {"TEXT": {"body": json.dumps(result)}}},
        },
    }


def idempotency_key(context):
    """Equal when the same call is made again, after a crash for example; None where the caller gives no key."""
    client = getattr(context, "client_context", None)
    custom = getattr(client, "custom", None) or {}
    return custom.get("idempotencyKey")
