"""The shop's tools as one ordinary Lambda function for two action groups.

What a customer or a model can get wrong is a result with an `error` (a word for programs) and a `message` (for the
model to pass on), never an exception: an exception would end the turn.

A program of one's own calls it plainly, `{"tool": "get_order_status", "order_id": "A-1042"}`, and gets the bare result.
"""

import json

import shop


def handler(event, context):
    if "tool" in event:
        return result_of(event["tool"], event, event.get("key"))
    given = {parameter["name"]: parameter["value"] for parameter in event.get("parameters", [])}
    result = result_of(event["function"], given, idempotency_key(context))
    return {
        "messageVersion": "1.0",
        "response": {
            "actionGroup": event["actionGroup"],
            "function": event["function"],
            "functionResponse": {"responseBody": {"TEXT": {"body": json.dumps(result)}}},
        },
    }


def result_of(tool, given, key):
    try:
        match tool:
            case "get_order_status":
                result = shop.order(given.get("order_id"))
            case "check_inventory":
                result = shop.stock(given.get("sku"), given.get("size"), given.get("location"))
            case "create_return":
                result = shop.take_back(given.get("order_id"), given.get("sku"), given.get("reason"), key)
            case other:
                result = {"error": "unknown_function", "message": f"There is no tool {other}."}
    except shop.Refusal as refusal:
        result = {"error": refusal.code, "message": str(refusal)}
    print(f"{tool} {given} -> {json.dumps(result)[:200]}")
    return result


def idempotency_key(context):
    """Equal when the same call is made again, after a crash for example; None where the caller gives no key."""
    client = getattr(context, "client_context", None)
    custom = getattr(client, "custom", None) or {}
    return custom.get("idempotencyKey")
