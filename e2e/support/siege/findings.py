"""What people were told and what the ledger holds, against what the server says at the end."""

import collections
import json

from botocore.exceptions import ClientError

from ..raw import request
from .clients import TURNS, asks, steps


def compare(house):
    """Everything that does not fit, as sentences; nothing when all is well."""
    return [*ledger(house), *sessions(house), *agents(house), *log(house)]


def ledger(house):
    """Nothing happened twice without its key."""
    effects = house.ledger.effects()
    for (token, step), keys in effects.items():
        if len(keys) > 1:
            yield f"double effect: {step} of {token} was done under {len(keys)} keys"
        if "d" in step:
            yield f"forbidden effect: {step} of {token} was denied and done"
    meant = collections.defaultdict(set)
    lives = collections.Counter()
    for line in house.ledger.lines:
        meant[line["key"]].add((line["token"], line["step"]))
        lives[line["key"], line["life"]] += 1
    for key, what in meant.items():
        if len(what) > 1:
            yield f"one key for {what}"
    for (key, _), count in lives.items():
        if count > 1:
            yield f"double effect: {meant[key]} was done {count} times in one life of the server"


def sessions(house):
    """Nothing that was accepted is lost, all turns have ended, and the next one knew of them."""
    effects = house.ledger.effects()
    for talker in house.talkers:
        for session in talker.sessions:
            mine = {turn["number"]: turn for turn in talker.turns.values() if turn["session"] == session}
            try:
                yield from one_session(house, session, mine, effects)
            except AssertionError as error:
                yield f"session {session} cannot be shown: {error}"


def one_session(house, session, mine, effects):
    shown = show(house, session, "turns=1000")["turns"]
    numbers = [event["seq"] for event in show(house, session, "raw=true&limit=2000")["events"]]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the journal of {session} has gaps"
    stored = {turn["requestId"]: turn for turn in shown}
    said = collections.Counter(turn["text"].split()[1] for turn in shown if turn["text"])
    order = [int(token.rsplit(".", 1)[1]) for token in said]
    if order != sorted(order) or any(count > 1 for count in said.values()):
        yield f"turns of {session} are doubled or out of order: {said}"
    for number, turn in mine.items():
        token = f"{session}.{number}"
        for request in turn["requests"]:
            if request not in stored and not same_turn(shown, turn, token):
                yield f"lost: request {request} of {token} was accepted"
        outcomes = [one["outcome"] for one in belonging(shown, token)]
        if turn.get("late") and "failed" in outcomes:
            outcomes.remove("failed")  # the answer that came twice
        if turn["requests"] and (not outcomes or outcomes[-1] not in (("answered", "asked") if asks(turn["plan"]) else ("answered",))):
            yield f"lost: {token} ({turn['plan']}) was accepted and ended as {outcomes}"
        if any(outcome in ("running", "failed") for outcome in outcomes):
            yield f"{token} ({turn['plan']}) is {outcomes}"
        answers = [text for one in belonging(shown, token) for text in [chunks(one)] if text]
        if turn["answer"] is not None and turn["answer"] not in answers:
            yield f"lost: {token} was answered with {turn['answer']!r}, and now with {answers}"
        for text in answers:
            yield from check_answer(text, token, turn["plan"], house, effects)
    heard = [number for known, number in house.model.heard.get(session, []) if known == session]
    if heard != order:
        yield f"the model heard the turns {heard} of {session}, which has {order}"
    if mine[TURNS]["answer"] is None:
        yield f"session {session} does not go on"


def show(house, session, more):
    """What `session show` is told."""
    status, _, content = request(house.server, "GET", f"/_bedplate/sessions/show?session={session}&{more}")
    assert status == 200, content
    return json.loads(content)


def belonging(shown, token):
    """The requests of one turn: the one that began it, and answers to questions until the next."""
    found, inside = [], False
    for one in shown:
        if one["text"]:
            inside = one["text"].split()[1] == token
        if inside and not came_twice(one):
            found.append(one)
    return found


def came_twice(turn):
    """An answer to a question that had been taken before: it is refused, and stands there as a request of its own."""
    return turn["text"] is None and turn["outcome"] == "failed" and "No return of control is waiting" in json.dumps(turn["events"])


def same_turn(shown, turn, token):
    """Whether a second try was shown the turn of the first one."""
    return bool(belonging(shown, token)) and turn["requests"]


def chunks(turn):
    return "".join(event["chunk"]["text"] for event in turn["events"] if "chunk" in event)


def check_answer(text, token, plan, house, effects):
    """An answered turn did all of its plan; its receipts are the ledger's."""
    if not text.startswith(f"done {token}:"):
        yield f"lost: {token} was answered with {text!r}"
    for step in steps(plan):
        if "r" in step:
            good = f"rung-{step}" in text
        elif "d" in step:
            good = "declined" in text
        else:
            keys = effects.get((token, step), set())
            good = any(house.ledger.receipts[key] in text for key in keys)
        if not good:
            yield f"lost: {token} ({plan}) was answered without {step}: {text!r}"


def agents(house):
    """What the control plane said is still so."""
    control = house.server.agents
    pages = control.get_paginator("list_agents").paginate(maxResults=100)
    listed = collections.Counter(one["agentName"] for page in pages for one in page["agentSummaries"])
    for name, count in listed.items():
        if count > 1:
            yield f"{count} agents are called {name}"
    for agent, known in house.builder.agents.items():
        try:
            found = control.get_agent(agentId=agent)["agent"]
        except ClientError as error:
            yield f"lost: agent {known['name']}: {error}"
            continue
        last = known["description"]
        if last and found.get("description", "") < last:
            yield f"lost: {known['name']} is described as {found.get('description')!r}, not as {last!r}"
        for alias in known["aliases"]:
            if control.get_agent_alias(agentId=agent, agentAliasId=alias)["agentAlias"]["agentAliasStatus"] != "PREPARED":
                yield f"alias {alias} of {known['name']} is not prepared"
    for agent, known in house.builder.gone.items():
        if known["name"] in listed:
            yield f"{known['name']} was deleted and is back"


def log(house):
    for line in house.server.log().splitlines():
        if "panicked" in line or '"level":"ERROR"' in line:
            yield f"the server's log says {line[:300]}"
