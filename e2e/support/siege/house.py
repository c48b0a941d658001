"""One server under siege, from its first start to the last."""

import collections
import os
import random
import shutil
import signal
import threading
import time

import boto3
from botocore.config import Config

from ..agents import agent, function, schema
from ..crash import BROKEN
from ..server import REGION, Server
from .clients import Builder, Talker, last_turns
from .findings import compare
from .outside import KEYED, KEYLESS, Ledger, Model, Trap

# Moments at which the server dies: what happens, and how many milliseconds later at most. Those without milliseconds die in that moment.
MOMENTS = {
    "a request is sent": 12,
    "the model is called": 0,
    "the model streams": 0,
    "the model has answered": 6,
    "a stream has begun": 3,
    "a tool is called": 0,
    "a tool has done its work": 0,
    "a tool has answered": 6,
    "the client is asked": 4,
    "the client answers": 8,
    "a turn has ended": 4,
    "the control plane is called": 8,
    "PrepareAgent is called": 8,
    "PrepareAgent has answered": 3,
    "nothing happens": 0,
    "the server starts": 80,
    "some time has passed": 400,
}
# A moment that does not come within so many seconds is not waited for any longer.
PATIENCE = 15


def points(seed, count):
    """The moments of one house: every kind about equally often, in an order of the seed, with delays and repetitions of its own."""
    chosen = random.Random(seed)
    kinds = list(MOMENTS) * (count // len(MOMENTS) + 1)
    chosen.shuffle(kinds)
    drawn = []
    for kind in kinds[:count]:
        drawn.append((kind, chosen.choice([1, 1, 2, 3]), chosen.uniform(0, MOMENTS[kind]) / 1000))
    return drawn


class House:
    def __init__(self, folder, seed, keyless=False, forgetful=False, patience=PATIENCE):
        self.patience = patience
        self.seed, self.forgetful, self.findings, self.deaths = seed, forgetful, [], []
        self.lock, self.dead, self.ready, self.over, self.may_work = (
            threading.Lock(),
            threading.Event(),
            threading.Event(),
            threading.Event(),
            threading.Event(),
        )
        self.trap = Trap(self.kill)
        self.ledger, self.model = Ledger(self.trap), Model(self.trap)
        self.server = Server(folder, config=self.model.config()).start()
        self.ready.set()
        source = KEYLESS if keyless else KEYED
        arn = function(self.server, source, {"LEDGER": self.ledger.url})
        text = {"token": "string", "step": "string"}
        groups = {
            "pay": (arn, schema("charge", "refund", confirm=["refund"], **text)),
            "desk": ("RETURN_CONTROL", schema("ring", **text)),
        }
        # Sessions outlive the longest siege: at its end each of them must still know everything.
        self.agent = agent(self.server, groups, idleSessionTTLInSeconds=3600)
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
        config = Config(retries={"mode": "standard", "total_max_attempts": 4}, read_timeout=60, inject_host_prefix=False)
        self.retrying = session.client("bedrock-agent-runtime", endpoint_url=self.server.url, config=config)
        self.talkers, self.builder = [], None

    def find(self, what):
        with self.lock:
            self.findings.append(what)

    # --- What clients wait for

    def wait_until_ready(self):
        assert self.ready.wait(60), "the server did not come back"
        time.sleep(0.002)

    def wait_for_work(self):
        while not (self.may_work.wait(0.5) or self.over.is_set()):
            pass
        self.wait_until_ready()

    # --- The siege

    def kill(self, kind):
        """Kills the server as it stands, once a life."""
        with self.lock:
            if self.dead.is_set():
                return
            self.ready.clear()
            doing = {what: count for what, count in self.trap.open.items() if count}
            # Alone, or with all that it started: a machine that dies, and a process that does.
            if len(self.deaths) % 2:
                os.killpg(self.server.process.pid, signal.SIGKILL)
            else:
                os.kill(self.server.process.pid, signal.SIGKILL)
            self.deaths.append((kind, doing))
            self.dead.set()

    def siege(self, count):
        """Lets people work and kills the server so many times; at the end everything is compared. Gives the findings."""
        self.talkers = [Talker(self, f"s{self.seed}-{name}", f"{self.seed}{name}", retries=name == "b") for name in "ab"]
        self.builder = Builder(self, f"a{self.seed}", self.seed)
        self.may_work.set()
        for number, (kind, times, delay) in enumerate(points(self.seed, count)):
            self.point(kind, times, delay)
            self.server.process.wait(10)
            if self.forgetful:
                self.forget(number)
            self.dead.clear()
            self.server.start()
            self.ready.set()
        self.over.set()
        for worker in (*self.talkers, self.builder):
            worker.thread.join(60)
            if worker.thread.is_alive():
                self.find(f"client {worker.name} waits for ever; open: {dict(self.trap.open)}")
        try:
            last_turns(self, self.talkers)
            self.findings += compare(self)
        except BROKEN as error:
            self.find(f"the end was told {error!r}")
        return self.findings

    def point(self, kind, times, delay):
        if kind == "the server starts":
            self.kill("some time has passed")
            self.server.process.wait(10)
            self.deaths.pop()
            self.server.launch()
            time.sleep(delay)
            self.dead.clear()
            return self.kill(kind)
        if kind == "some time has passed":
            time.sleep(delay)
            return self.kill(kind)
        if kind == "nothing happens":
            self.may_work.clear()
            deadline = time.monotonic() + self.patience
            while any(self.trap.open.values()) and time.monotonic() < deadline:
                time.sleep(0.005)
            self.kill(kind)
            return self.may_work.set()
        self.trap.arm(kind, times, delay)
        if not self.dead.wait(self.patience):
            self.trap.disarm()
            self.kill("it was waited for too long")
        return None

    def forget(self, number):
        """A disk that lies: every third time it is what it was two deaths ago."""
        state, kept = self.server.state, self.server.folder / "kept"
        if number % 3 == 0:
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(state, kept)
        elif number % 3 == 2:
            shutil.rmtree(state)
            shutil.copytree(kept, state)

    def tally(self):
        """How often it died in which moment, and during what."""
        kinds = collections.Counter(kind for kind, _ in self.deaths)
        during = collections.Counter()
        for _, doing in self.deaths:
            during.update(doing.keys())
            if ("request" in doing or "stream" in doing) and not {"model", "tool"} & doing.keys():
                during["between steps"] += 1
            if not doing:
                during["nothing"] += 1
        return kinds, during
