#!/usr/bin/env python3
"""The shop's assistant without an agent: code keeps the flow, and a model does two narrow jobs for it.

    1. what does the customer want     Converse with the three actions as tools; the model names one with its arguments, or none
    2. do it                           code: one call of the service's function, or a question first when something is to be changed
    3. how to say it                   Converse again, with the service's result

So a plain question costs two model calls and one service call, and `create_return` cannot run before the customer's yes: an `if` says so,
not a prompt. The conversation is a file per session; a shop that means it would take a table with a time to live.

`bedplate dev --example retailer-orchestrator` starts all of it; by hand:

    eval "$(bedplate env)"
    python orchestrator.py "Where is my order A-1042?" "Can I return the blue one because it is too small?" yes
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile
import uuid

try:
    import boto3
    from botocore.exceptions import ClientError
except ImportError:
    sys.exit("this needs boto3: python3 -m venv .venv && .venv/bin/pip install boto3")

FUNCTION = "retailer-tools"
MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
# Messages of a conversation that a model is shown at most; a question, its action and its answer are four.
MESSAGES_MAX = 24
UNDERSTAND = (
    "You serve the customers of an online shop. Choose the one action that the customer's last message asks for. Take ids from the conversation: "
    'when a customer says "the blue one", it is the item of the order which is blue. Ask when something needed was never said.'
)
REPLY = "You serve the customers of an online shop. Say in one or two friendly sentences what came of the last action."
TALK = ["Where is my order A-1042?", "Can I return the blue one because it is too small?", "yes", "Is it in stock in L?"]
YES, NO = {"yes", "y", "ok", "okay", "sure", "please do", "yes please", "go ahead"}, {"no", "n", "stop", "don't", "no thanks", "cancel"}


def action(name, description, required, **properties):
    schema = {"type": "object", "properties": {key: {"type": "string", "description": text} for key, text in properties.items()}, "required": required}
    return {"toolSpec": {"name": name, "description": description, "inputSchema": {"json": schema}}}


ACTIONS = [
    action(
        "get_order_status",
        "Looks up where an order is and which items it has. Each item has a sku, a name, a color and a size.",
        ["order_id"],
        order_id="The order's number, such as A-1042.",
    ),
    action(
        "check_inventory",
        "Tells how many pieces of an item are in stock, by size and location.",
        ["sku"],
        sku="The SKU of the item, such as SH-201.",
        size="The size, one of S, M, L or XL. Without it all sizes are told.",
        location="The place, one of online, Bergen or Porto. Without it all places are told.",
    ),
    action(
        "create_return",
        "Creates a return for an item of an order and gives a return number.",
        ["order_id", "sku", "reason"],
        order_id="The order's number, such as A-1042.",
        sku="The SKU of the item, as the order lists it.",
        reason="Why it goes back, in the customer's words.",
    ),
]
ASK_FIRST = {"create_return"}


class Orchestrator:
    """One turn after the other of one session."""

    def __init__(self, models, functions, store, show=print):
        self.models, self.functions, self.store, self.show = models, functions, store, show

    def turn(self, text):
        """What to answer to a customer's message. The state is written last: a turn that fails leaves it as it was."""
        state = self.store.read()
        messages, pending = state["messages"], state.pop("pending", None)
        self.show(f"  fetched session: {len(messages)} messages")
        said = text.strip().lower().rstrip(".!")
        if pending and said in YES:
            reply = self.act(messages, pending)
        elif pending and said in NO:
            reply = "Nothing was changed."
            self.close(messages, pending, {"error": "declined", "message": "The customer said no."}, reply)
        else:
            if pending:  # something else was said: what waited is off
                self.close(messages, pending, {"error": "not_confirmed", "message": "The customer did not say yes."}, "Nothing was changed.")
            messages.append({"role": "user", "content": [{"text": text}]})
            reply = self.understand(messages, state)
        state["messages"] = recent(messages)
        self.store.write(state)
        return reply

    def understand(self, messages, state):
        answer = self.ask(UNDERSTAND, messages, {"auto": {}})
        uses = [block["toolUse"] for block in answer["content"] if "toolUse" in block]
        if not uses:  # small talk, or a question of the model's own
            messages.append(answer)
            self.show("  classified nothing to do")
            return words(answer)
        use = uses[0]  # one action a turn
        self.show(f"  classified {use['name']} {json.dumps(use['input'])}")
        messages.append({"role": "assistant", "content": [{"toolUse": use}]})
        if use["name"] in ASK_FIRST:
            state["pending"] = use
            return f"Shall I do this: {use['name']}, {', '.join(f'{name} {value}' for name, value in use['input'].items())}? (yes or no)"
        return self.act(messages, use)

    def act(self, messages, use):
        """Calls the service, and has its result put into words."""
        # The id of the model's call is the idempotency key: a turn that is sent again after a failure returns the same item once.
        payload = {"tool": use["name"], **use["input"], "key": use["toolUseId"] + self.store.session}
        answer = self.functions.invoke(FunctionName=FUNCTION, Payload=json.dumps(payload))
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(f"{use['name']}: {result}")
        self.show(f"  called {use['name']} -> {json.dumps(result)}")
        messages.append({"role": "user", "content": [{"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": result}]}}]})
        reply = self.ask(REPLY, messages, {"auto": {}})
        text = words(reply) or "It is done."  # a model that wants to go on acting is not let
        messages.append({"role": "assistant", "content": [{"text": text}]})
        self.show(f"  drafted {json.dumps(text)}")
        return text

    def ask(self, system, messages, choice):
        answer = self.models.converse(
            modelId=MODEL,
            system=[{"text": system}],
            messages=recent(messages),
            toolConfig={"tools": ACTIONS, "toolChoice": choice},
            inferenceConfig={"maxTokens": 500, "temperature": 0},
        )
        return answer["output"]["message"]

    @staticmethod
    def close(messages, use, result, reply):
        """A call that was never made gets a result all the same: a conversation must not have open calls."""
        messages.append({"role": "user", "content": [{"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": result}]}}]})
        messages.append({"role": "assistant", "content": [{"text": reply}]})


def words(message):
    return " ".join(block["text"] for block in message["content"] if "text" in block).strip()


def recent(messages):
    """The end of a conversation, beginning with something that a customer said."""
    kept = messages[-MESSAGES_MAX:]
    while kept and not (kept[0]["role"] == "user" and "text" in kept[0]["content"][0]):
        kept = kept[1:]
    return kept


class Sessions:
    """The state of a session: a JSON file in the folder that RETAILER_SESSIONS names, or else in the temporary folder."""

    def __init__(self, session):
        if not re.fullmatch(r"[\w-]{1,100}", session):
            raise ValueError(f"{session!r} is no session: letters, digits and dashes make one")
        folder = pathlib.Path(os.environ.get("RETAILER_SESSIONS") or pathlib.Path(tempfile.gettempdir(), "retailer-sessions"))
        folder.mkdir(parents=True, exist_ok=True)
        self.session, self.path = session, folder / f"{session}.json"

    def read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {"messages": []}

    def write(self, state):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(state, indent=1))
        os.replace(fresh, self.path)


def main():
    parser = argparse.ArgumentParser(description="The retailer's assistant, orchestrated by code.")
    parser.add_argument("text", nargs="*", default=TALK, help="what to say, one turn each")
    parser.add_argument("--session", default=str(uuid.uuid4()), help="go on with this conversation")
    options = parser.parse_args()
    show = lambda line: print(line, flush=True)  # noqa: E731
    try:
        store = Sessions(options.session)
    except ValueError as error:
        parser.error(str(error))
    assistant = Orchestrator(boto3.client("bedrock-runtime"), boto3.client("lambda"), store, show)
    for text in options.text:
        show(f"you     {text}")
        show(f"shop    {assistant.turn(text)}")


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
