"""The shop's tools as one ordinary Lambda function for two action groups.

What a customer or a model can get wrong is a result with an `error` (a word for programs) and a `message` (for the
model to pass on), never an exception: an exception would end the turn.
"""

import json

import shop


def handler(event, context):
    given = {parameter["name"]: parameter["value"] for parameter in event.get("parameters", [])}
    try:
        match event["function"]:
            case "get_order_status":
                result = shop.order(given.get("order_id"))
            case "check_inventory":
                result = shop.stock(given.get("sku"), given.get("size"), given.get("location"))
            case "create_return":
                result = shop.take_back(given.get("order_id"), given.get("sku"), given.get("reason"), idempotency_key(context))
            case other:
                result = {"error": "unknown_function", "message": f"There is no tool {other}."}
    except shop.Refusal as refusal:
        result = {"error": refusal.code, "message": str(refusal)}
    print(f"{event['function']} {given} -> {json.dumps(result)[:200]}")
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
