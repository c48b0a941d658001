"""The people at work: unmodified boto3, one thread each. They remember what they were told, because that must stay true."""

import random
import threading
import uuid

from botocore.exceptions import ClientError, EventStreamError

from ..agents import MODEL, ROLE
from ..crash import BROKEN
from ..wait import until
from .outside import pause

# What a turn may ask the model to do: c charge, f a refund to confirm, d one that is denied, r ring at the client's; "cc" is both at once.
PLANS = ["-", "c", "cc", "c,c,c", "r", "c,r,c", "f", "d", "cr", "cf", "f,c", "r,r"]
# Turns of one session; then a new one begins.
TURNS = 6


def steps(plan):
    return [] if plan == "-" else [f"{at}{kind}{place}" for at, one in enumerate(plan.split(",")) for place, kind in enumerate(one)]


def asks(plan):
    return any(kind in "rfd" for kind in plan)


class Worker:
    """One client, until the house is over."""

    def __init__(self, house, name, seed):
        self.house, self.name, self.random = house, name, random.Random(seed)
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self):
        try:
            while not self.house.over.is_set():
                self.house.wait_for_work()
                self.work()
        except Exception as error:  # noqa: BLE001: whatever it is, it is a finding
            kind = "lost: " if "ResourceNotFoundException" in repr(error) else ""
            self.house.find(f"{kind}client {self.name} was told {error!r}")

    def until_done(self, kind, call, **more):
        """One call of the control plane, made again for as long as the server dies under it. Tells too whether it was made more than once."""
        again = False
        self.house.wait_for_work()
        while True:
            try:
                self.house.trap.at(kind)
                with self.house.trap.during("control"):
                    return call(**more), again
            except ClientError:
                raise
            except BROKEN:
                again = True
                self.house.wait_until_ready()


class Talker(Worker):
    """Has conversations. Their turns: token → what is known of it."""

    def __init__(self, house, name, seed, retries):
        self.turns, self.sessions = {}, []
        # An SDK's own retries: the second try of a request must find the turn of the first.
        self.retries = retries
        super().__init__(house, name, seed)

    @property
    def runtime(self):
        return self.house.retrying if self.retries else self.house.server.runtime

    def work(self):
        session = f"{self.name}-{len(self.sessions)}"
        self.sessions.append(session)
        for number in range(TURNS):
            if self.house.over.is_set():
                return
            self.turn(session, number, self.random.choice(PLANS))
        self.house.trap.at("a turn has ended")

    def turn(self, session, number, plan):
        self.house.wait_for_work()
        known = {"session": session, "number": number, "plan": plan, "requests": [], "answer": None}
        self.turns[f"{session}.{number}"] = known
        streaming = self.random.random() < 0.5
        more = {"inputText": f"plan {session}.{number} {plan}", "streamingConfigurations": {"streamFinalResponse": streaming}}
        self.house.trap.at("a request is sent")
        control = self.ask(known, session, more)
        while control:
            self.house.trap.at("the client is asked")
            results = [self.result(one["functionInvocationInput"]) for one in control["invocationInputs"]]
            self.house.trap.at("the client answers")
            state = {"invocationId": control["invocationId"], "returnControlInvocationResults": results}
            control = self.ask(known, session, {"sessionState": state})
        self.house.trap.at("a turn has ended")

    @staticmethod
    def result(wanted):
        given = {"actionGroup": wanted["actionGroup"], "function": wanted["function"]}
        step = next(one["value"] for one in wanted["parameters"] if one["name"] == "step")
        if wanted["actionInvocationType"] == "USER_CONFIRMATION":
            return {"functionResult": {**given, "confirmationState": "DENY" if "d" in step else "CONFIRM"}}
        return {"functionResult": {**given, "responseBody": {"TEXT": {"body": f"rung-{step}"}}}}

    def ask(self, known, session, more):
        """One request. A question of the agent is returned. What the server took is known; when a connection broke before that, it is not."""
        try:
            with self.house.trap.during("request"):
                response = self.runtime.invoke_agent(
                    agentId=self.house.agent.id, agentAliasId="TSTALIASID", sessionId=session, enableTrace=True, **more
                )
        except ClientError as error:
            # The answer to a question of which the server had taken the first try already: the turn is over, or at its next question,
            # which nobody heard.
            taken = "sessionState" in more and known.get("unsure")
            known["late"] = taken and "does not match the one that is waiting" in str(error)
            if known["late"] or taken and "No return of control is waiting" in str(error):
                return None
            raise
        except BROKEN:
            self.house.wait_until_ready()
            if "sessionState" not in more:
                return None
            known["unsure"] = True
            return self.ask(known, session, more)
        known["requests"].append(response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"])
        answer, control, count = "", None, 0
        try:
            with self.house.trap.during("stream"):
                for event in response["completion"]:
                    count += 1
                    if count == 1:
                        self.house.trap.at("a stream has begun")
                    answer += event.get("chunk", {}).get("bytes", b"").decode()
                    control = event.get("returnControl", control)
        except EventStreamError:
            raise
        except BROKEN:
            self.house.wait_until_ready()
            return None
        if control is None:
            known["answer"] = answer
        if not answer and control is None:
            self.house.find(f"the stream of {known} ended without a word")
        return control


class Builder(Worker):
    """Makes agents. What it was told of them: id → name, description, aliases; and the names of those that are gone."""

    def __init__(self, house, name, seed):
        self.agents, self.gone, self.count = {}, {}, 0
        super().__init__(house, name, seed)

    def work(self):
        control = self.house.server.agents
        self.count += 1
        name = f"{self.name}-{self.count}"
        made, _ = self.until_done(
            "the control plane is called",
            control.create_agent,
            agentName=name,
            foundationModel=MODEL,
            instruction="You are made while the house is on fire, and you stay calm.",
            agentResourceRoleArn=ROLE,
            clientToken=str(uuid.uuid4()) + str(uuid.uuid4()),
        )
        agent = made["agent"]["agentId"]
        known = self.agents[agent] = {"name": name, "description": None, "aliases": {}}
        for turn in range(3):
            if self.house.over.is_set():
                return
            description = f"{name} as it is at {turn}"
            self.update(agent, name, description)
            known["description"] = description
            self.until_done("PrepareAgent is called", control.prepare_agent, agentId=agent)
            self.house.trap.at("PrepareAgent has answered")
            status, _ = self.until_done("the control plane is called", control.get_agent, agentId=agent)
            if status["agent"]["agentStatus"] not in ("PREPARED", "PREPARING") or status["agent"]["description"] != description:
                self.house.find(f"lost: {name} was prepared, and then is {status['agent']}")
        token = str(uuid.uuid4()) + str(uuid.uuid4())
        alias, _ = self.until_done(
            "the control plane is called", control.create_agent_alias, agentId=agent, agentAliasName="live", clientToken=token
        )
        known["aliases"][alias["agentAlias"]["agentAliasId"]] = "live"
        if self.random.random() < 0.4:
            self.delete(agent)
        pause(0.02)

    def update(self, agent, name, description):
        self.until_done(
            "the control plane is called",
            self.house.server.agents.update_agent,
            agentId=agent,
            agentName=name,
            foundationModel=MODEL,
            instruction="You are made while the house is on fire, and you stay calm.",
            agentResourceRoleArn=ROLE,
            description=description,
        )

    def delete(self, agent):
        try:
            self.until_done(
                "the control plane is called", self.house.server.agents.delete_agent, agentId=agent, skipResourceInUseCheck=True
            )
        except ClientError as error:
            # The first try was carried out, its answer was lost.
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
        self.gone[agent] = self.agents.pop(agent)


def last_turns(house, talkers):
    """One more turn in every session: all that came before has ended then, and the model sees what is left of it."""
    for talker in talkers:
        for session in talker.sessions:
            talker.turn(session, TURNS, "-")
    until(lambda: not house.trap.open["stream"], "the end of all streams")
