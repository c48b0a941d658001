"""Agents made with boto3, and what a turn of theirs sends."""

import dataclasses
import uuid

from botocore.exceptions import ClientError, EventStreamError

from .ledger import PRELUDE, zip_of
from .server import ACCOUNT, REGION
from .wait import until

MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
INSTRUCTION = "You book rooms for the guests of a house, one at a time, and you never guess."


def unique(prefix="it"):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def function(server, source, variables=None, name=None, **more):
    """Creates a Lambda function from a module's source; gives its ARN."""
    made = server.functions.create_function(
        FunctionName=name or unique("fn"),
        Runtime="python3.12",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": zip_of(PRELUDE + source)},
        Environment={"Variables": variables or {}},
        **{"Timeout": 70, **more},
    )
    return made["FunctionArn"]


def schema(*names, confirm=(), **parameters):
    """Function definitions. Each has the same parameters: name → type, required unless the type ends in ?."""
    details = {
        name: {"type": kind.rstrip("?"), "required": not kind.endswith("?"), "description": f"the {name}"}
        for name, kind in parameters.items()
    }
    return [
        {
            "name": name,
            "description": f"Does {name}.",
            **({"parameters": details} if details else {}),
            **({"requireConfirmation": "ENABLED"} if name in confirm else {}),
        }
        for name in names
    ]


@dataclasses.dataclass
class Turn:
    """What one InvokeAgent sent."""

    request_id: str
    headers: dict
    events: list = dataclasses.field(default_factory=list)
    error: EventStreamError = None

    @property
    def chunks(self):
        return [event["chunk"]["bytes"].decode() for event in self.events if "chunk" in event]

    @property
    def answer(self):
        return "".join(self.chunks)

    @property
    def parts(self):
        return [event["trace"] for event in self.events if "trace" in event]

    @property
    def traces(self):
        """(member, content) of every trace event."""
        found = []
        for part in self.parts:
            ((union, body),) = part["trace"].items()
            if union == "orchestrationTrace":
                ((union, body),) = body.items()
            found.append((union, body))
        return found

    @property
    def kinds(self):
        """The order of events in short words."""
        words = []
        for event in self.events:
            ((kind, body),) = event.items()
            if kind == "trace":
                ((kind, inner),) = body["trace"].items()
                if kind == "orchestrationTrace":
                    ((kind, inner),) = inner.items()
                if kind == "observation":
                    kind = f"observation {inner['type']}"
            words.append(kind)
        return words

    @property
    def control(self):
        return next((event["returnControl"] for event in self.events if "returnControl" in event), None)

    def of(self, member):
        return [body for kind, body in self.traces if kind == member]

    def observed(self):
        """Texts that functions gave."""
        return [one["actionGroupInvocationOutput"]["text"] for one in self.of("observation") if one["type"] == "ACTION_GROUP"]


@dataclasses.dataclass
class Agent:
    server: object
    id: str
    name: str
    alias: str = "TSTALIASID"
    session: str = ""

    def ask(self, text=None, session=None, alias=None, trace=True, streaming=False, collect=True, **more):
        """One turn. The error of a stream is kept in the turn; one before the stream is raised."""
        if text is not None:
            more["inputText"] = text
        if streaming:
            more["streamingConfigurations"] = {"streamFinalResponse": True}
        response = self.server.runtime.invoke_agent(
            agentId=self.id, agentAliasId=alias or self.alias, sessionId=session or self.session, enableTrace=trace, **more
        )
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        turn = Turn(response["ResponseMetadata"]["RequestId"], headers)
        if not collect:
            return turn, response["completion"]
        return drain(turn, response["completion"])

    def reply(self, control, results, **more):
        """Answers a returnControl event."""
        state = {"invocationId": control["invocationId"], "returnControlInvocationResults": [{"functionResult": one} for one in results]}
        return self.ask(sessionState={**state, **more.pop("state", {})}, **more)

    def confirm(self, control, state, **more):
        wanted = [one["functionInvocationInput"] for one in control["invocationInputs"]]
        return self.reply(control, [{**names(one), "confirmationState": state} for one in wanted], **more)

    def prepare(self):
        self.server.agents.prepare_agent(agentId=self.id)
        settled(self.server, self.id, "PREPARED")
        return self

    def publish(self, name):
        """An alias with a version of its own."""
        alias = self.server.agents.create_agent_alias(agentId=self.id, agentAliasName=name)["agentAlias"]["agentAliasId"]
        settled(self.server, self.id, "PREPARED")
        return alias


def names(wanted):
    return {"actionGroup": wanted["actionGroup"], "function": wanted["function"]}


def drain(turn, stream):
    try:
        for event in stream:
            turn.events.append(event)
    except EventStreamError as error:
        turn.error = error
    return turn


def settled(server, agent_id, status):
    """Polls as Terraform's provider does."""
    until(lambda: server.agents.get_agent(agentId=agent_id)["agent"]["agentStatus"] == status, f"agent {agent_id} in state {status}")


def agent(server, groups=None, name=None, instruction=INSTRUCTION, **more):
    """Creates and prepares an agent. groups: name → (executor, functions); an executor is a function's ARN or RETURN_CONTROL."""
    name = name or unique("agent")
    made = server.agents.create_agent(
        agentName=name, foundationModel=MODEL, instruction=instruction, agentResourceRoleArn=ROLE, **more
    )["agent"]
    settled(server, made["agentId"], "NOT_PREPARED")
    for group, (executor, functions) in (groups or {}).items():
        add_group(server, made["agentId"], group, executor, functions)
    return Agent(server, made["agentId"], name, session=unique("session")).prepare()


def add_group(server, agent_id, name, executor, functions):
    executor = {"customControl": executor} if executor == "RETURN_CONTROL" else {"lambda": executor}
    return server.agents.create_agent_action_group(
        agentId=agent_id, agentVersion="DRAFT", actionGroupName=name, actionGroupExecutor=executor, functionSchema={"functions": functions}
    )["agentActionGroup"]


def refused(call, **more):
    """The error that a call ends with: (code, message, HTTP status)."""
    try:
        call(**more)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("the call was not refused")


def alias_arn(agent_id, alias):
    return f"arn:aws:bedrock:{REGION}:{ACCOUNT}:agent-alias/{agent_id}/{alias}"
