#!/usr/bin/env python3
"""Books a court in two fixed steps, with a model inside each: first it looks, then it books. Code keeps the order.

    look   the model reads day and hour out of the wish, as arguments of check_availability
    book   the model chooses among the free slots, as the argument of book_slot

Each step is one Converse request with `toolChoice`: the model may call that one tool and nothing else. The function behind both tools is
that of the agent in template.yaml, called plainly. `bedplate dev --example tennis-e` starts all of it; by hand:

    eval "$(bedplate env)"
    python pattern_e.py "Book me a court for tomorrow at 3pm"
"""

import argparse
import datetime
import json
import sys
import uuid

try:
    import boto3
    from botocore.exceptions import ClientError
except ImportError:
    sys.exit("this needs boto3: python3 -m venv .venv && .venv/bin/pip install boto3")

FUNCTION = "tennis-tools"
MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
SYSTEM = "You help the members of a tennis club to book a court. Take what they say, and never make anything up."
# Slots that the model chooses among at most; a day has 39.
SLOTS_MAX = 40
LOOK = {
    "name": "check_availability",
    "description": "Lists the slots that are free on a day. Each slot has a slot_id, a court and a time.",
    "inputSchema": {
        "json": {
            "type": "object",
            "properties": {
                "date": {"type": "string", "description": "The day to play, as YYYY-MM-DD."},
                "time": {"type": "string", "description": "The full hour at which to start, as HH:MM from 08:00 to 20:00."},
            },
            "required": ["date"],
        }
    },
}


def booking(slots):
    """The tool of the second step. Its only argument is one of the slots that are free, so nothing else can be booked."""
    slot = {"type": "string", "description": "The slot_id of the slot to book.", "enum": [one["slot_id"] for one in slots]}
    schema = {"type": "object", "properties": {"slot_id": slot}, "required": ["slot_id"]}
    description = "Books a free slot for the member and returns a confirmation number."
    return {"name": "book_slot", "description": description, "inputSchema": {"json": schema}}


def fill(models, tool, text, more):
    """One step's model call: the arguments of `tool`. A model that answers with words has not understood; its words are raised."""
    answer = models.converse(
        modelId=MODEL,
        system=[{"text": f"{SYSTEM}\n{more}"}],
        messages=[{"role": "user", "content": [{"text": text}]}],
        toolConfig={"tools": [{"toolSpec": tool}], "toolChoice": {"tool": {"name": tool["name"]}}},
        inferenceConfig={"maxTokens": 300, "temperature": 0},
    )
    content = answer["output"]["message"]["content"]
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    if not uses:
        raise NotUnderstood(" ".join(block.get("text", "") for block in content).strip())
    return uses[0]["input"]  # only the first: a step is one call, whatever a model would like to do besides


class NotUnderstood(Exception):
    """The model gave no arguments for the step."""


def call(functions, tool, arguments, **more):
    """The function's result for a plain call."""
    answer = functions.invoke(FunctionName=FUNCTION, Payload=json.dumps({"tool": tool, **arguments, **more}))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise RuntimeError(f"{tool}: {result}")
    return result


def book(models, functions, wish, user, today, show=print):
    """The whole workflow; returns what to tell the member."""
    # Step 1: look.
    wanted = fill(models, LOOK, wish, f"current_date: {today}")
    found = call(functions, "check_availability", wanted)

    # Between the steps: code, not a model. Nothing free is the end of it.
    if not isinstance(found, list):
        show(f"  look    {words(wanted)} -> nothing")
        return found.get("error") or f"{found['message']} Free hours: {', '.join(found['free_at']) or 'none'}."
    show(f"  look    {words(wanted)} -> {len(found)} free")

    # Step 2: book.
    free = ", ".join(one["slot_id"] for one in found[:SLOTS_MAX])
    chosen = fill(models, booking(found[:SLOTS_MAX]), f"Book one of these slots: {free}", f"What the member wrote: {wish}")
    if chosen.get("slot_id") not in [one["slot_id"] for one in found]:
        return f"{chosen.get('slot_id')} is not one of the free slots; nothing was booked."
    done = call(functions, "book_slot", chosen, user=user, key=str(uuid.uuid4()))
    show(f"  book    {words(chosen)} -> {done.get('confirmation') or done.get('status') or done.get('error')}")
    if done.get("status") != "booked":
        return done.get("message") or done.get("error")
    return f"Court {done['court']} on {done['date']} at {done['time']} is yours: {done['confirmation']}."


def words(arguments):
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def main():
    parser = argparse.ArgumentParser(description="Books a tennis court in two fixed steps.")
    parser.add_argument("text", nargs="*", default=["Book me a court for tomorrow at 3pm"], help="wishes, each a booking of its own")
    parser.add_argument("--user", default="guest", help="who books")
    parser.add_argument("--today", metavar="DATE", default=datetime.date.today().isoformat(), help="the date that the model is told")
    options = parser.parse_args()
    models, functions = boto3.client("bedrock-runtime"), boto3.client("lambda")
    for text in options.text:
        print(f"you     {text}", flush=True)
        try:
            told = book(models, functions, text, options.user, options.today, lambda line: print(line, flush=True))
        except NotUnderstood as words_of_model:
            told = str(words_of_model)
        print(f"club    {told}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
