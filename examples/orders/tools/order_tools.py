"""The order tools as one ordinary Lambda function.

Who is asking is not a parameter, which a model could get wrong, but a session attribute, which only the application
sets: `user_id`, and `tier` for what that customer may do. Whatever can go wrong is a result with an `error` and a
`message`, so that the model can pass it on.
"""

import json
import os

import order_book


def handler(event, context):
    given = {parameter["name"]: parameter["value"] for parameter in event.get("parameters", [])}
    session = event.get("sessionAttributes") or {}
    # ORDERS_USER is for a terminal, which has no application behind it that knows who is there. Leave it out in earnest.
    user = session.get("user_id") or os.environ.get("ORDERS_USER", "")
    tier = session.get("tier", "standard")
    try:
        if event["function"] == "get_order_status":
            result = order_book.status(user, given.get("order_id"))
        elif event["function"] == "cancel_order":
            result = order_book.cancel(user, tier, given.get("order_id"), given.get("reason"), idempotency_key(context))
        else:
            result = {"error": "unknown_function", "message": f"There is no tool {event['function']}."}
    except order_book.Refusal as refusal:
        result = {"error": refusal.code, "message": str(refusal)}
    print(f"{event['function']} {given} for {user or 'nobody'} ({tier}) -> {json.dumps(result)[:200]}")
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
