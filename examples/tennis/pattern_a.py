#!/usr/bin/env python3
"""Books a court with a model that only reads: it turns what a member writes into JSON. Everything else is code, and so is the state.

What is known of the booking (day, hour, court) is a dictionary. Each turn the model reads the new sentence, code merges what it found, asks
for what is still missing, and books when nothing is. The functions are those of the agent in template.yaml, called plainly.
`bedplate dev --example tennis-a` starts all of it; by hand:

    eval "$(bedplate env)"
    python pattern_a.py "Book a court for tomorrow" "3pm" "Court B"
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
SYSTEM = "You read what members of a tennis club write. Note only what the text says; leave out what it does not say.\ncurrent_date: {today}"
# {court} is the first one that was offered: which courts are free depends on the day.
TALK = ["Book a court for tomorrow", "3pm", "Court {court}"]
SLOTS = {
    "date": {"type": "string", "description": "The day to play, as YYYY-MM-DD."},
    "time": {"type": "string", "description": "The full hour at which to start, as HH:MM from 08:00 to 20:00."},
}


def read(models, text, today, courts=()):
    """What a text says of a booking, as a dictionary. The courts that were offered can be chosen; before that none can."""
    properties = dict(SLOTS)
    if courts:
        names = [f"Court {court}" for court in courts]
        properties["court"] = {"type": "string", "description": "The court that was chosen.", "enum": names}
    schema = {"type": "object", "properties": properties}
    tool = {"name": "note_wish", "description": "Notes when and where a member wants to play.", "inputSchema": {"json": schema}}
    answer = models.converse(
        modelId=MODEL,
        system=[{"text": SYSTEM.format(today=today)}],
        messages=[{"role": "user", "content": [{"text": f"Note this wish: {text}"}]}],
        # One tool that must be called: its input is the JSON, and its schema is checked by the model's provider.
        toolConfig={"tools": [{"toolSpec": tool}], "toolChoice": {"tool": {"name": "note_wish"}}},
        inferenceConfig={"maxTokens": 200, "temperature": 0},
    )
    uses = [block["toolUse"]["input"] for block in answer["output"]["message"]["content"] if "toolUse" in block]
    found = uses[0] if uses else {}
    return {name: value for name, value in found.items() if name in properties and value}


def call(functions, tool, **arguments):
    """The function's result for a plain call."""
    answer = functions.invoke(FunctionName=FUNCTION, Payload=json.dumps({"tool": tool, **arguments}))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise RuntimeError(f"{tool}: {result}")
    return result


class Booking:
    """The state of one conversation, and the rules of it."""

    def __init__(self, models, functions, user, today, show=print):
        self.models, self.functions, self.user, self.today, self.show = models, functions, user, today, show
        self.forget()

    def forget(self):
        self.known, self.free, self.key = {}, [], str(uuid.uuid4())

    def turn(self, text):
        """What to answer to a member's sentence."""
        found = read(self.models, text, self.today, [slot["court"] for slot in self.free])
        self.show(f"  read    {json.dumps(found)}")
        if {"date", "time"} & set(found):
            self.known.pop("court", None)  # another hour has other courts
        self.known.update(found)
        if "date" not in self.known:
            return "On which day would you like to play?"
        if "time" not in self.known:
            return "What time would you like?"
        if "court" not in self.known:
            return self.offer()
        return self.book()

    def offer(self):
        found = call(self.functions, "check_availability", date=self.known["date"], time=self.known["time"])
        if isinstance(found, list):
            self.free = found
            self.show(f"  free    {', '.join(slot['slot_id'] for slot in found)}")
            return f"Free then: {', '.join('court ' + slot['court'] for slot in found)}. Which one?"
        self.known.pop("time")
        self.free = []
        return found.get("error") or f"{found['message']} Free hours: {', '.join(found['free_at']) or 'none'}."

    def book(self):
        slot = next(slot for slot in self.free if self.known["court"] == f"Court {slot['court']}")
        done = call(self.functions, "book_slot", slot_id=slot["slot_id"], user=self.user, key=self.key)
        self.show(f"  book    {slot['slot_id']} -> {done.get('confirmation') or done.get('status') or done.get('error')}")
        if done.get("status") != "booked":
            self.known.pop("court")
            return f"{done.get('message') or done.get('error')} {self.offer()}"
        self.forget()
        return f"Court {done['court']} on {done['date']} at {done['time']} is yours: {done['confirmation']}."


def main():
    parser = argparse.ArgumentParser(description="Books a tennis court; the model only reads.")
    parser.add_argument("text", nargs="*", default=TALK, help="what is said, one turn each")
    parser.add_argument("--user", default="guest", help="who books")
    parser.add_argument("--today", metavar="DATE", default=datetime.date.today().isoformat(), help="the date that the model is told")
    options = parser.parse_args()
    show = lambda line: print(line, flush=True)  # noqa: E731
    booking = Booking(boto3.client("bedrock-runtime"), boto3.client("lambda"), options.user, options.today, show)
    for text in options.text:
        text = text.replace("{court}", booking.free[0]["court"] if booking.free else "A")
        show(f"you     {text}")
        show(f"club    {booking.turn(text)}")


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
