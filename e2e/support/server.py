"""A Bedplate server as a process of its own, in a process group of its own."""

import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from .wait import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"


def binary():
    """The program under test: BEDPLATE_BIN, or what cargo built last."""
    given = os.environ.get("BEDPLATE_BIN")
    built = [ROOT / "target" / profile / "bedplate" for profile in ("release", "debug")]
    found = [pathlib.Path(given)] if given else sorted((path for path in built if path.exists()), key=lambda path: -path.stat().st_mtime)
    if not found:
        raise RuntimeError("there is no bedplate to test: run cargo xtask e2e, or set BEDPLATE_BIN")
    return str(found[0])


def environment(**more):
    """The environment of a process under test: nothing of the developer's own configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BEDPLATE_", "OPENAI_"))}
    return {**kept, "NO_COLOR": "1", "AWS_EC2_METADATA_DISABLED": "true", **more}


def run(*args, cwd=None, timeout=60, stdin="", **more):
    """Runs a verb of the program to its end."""
    return subprocess.run(
        [binary(), *map(str, args)], cwd=cwd, env=environment(**more), input=stdin, capture_output=True, text=True, timeout=timeout
    )


def clients(url, region=REGION):
    """boto3's clients for a server: one attempt, so that an error is seen and not retried."""
    os.environ.setdefault("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60, inject_host_prefix=False)
    return lambda service: session.client(service, endpoint_url=url, config=config)


class Server:
    """`bedplate serve` or `bedplate dev` on a state folder; it can be killed and started again."""

    def __init__(self, folder, verb="serve", flags=(), config=None, region=REGION, variables=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self.folder / "state"
        self.verb, self.flags, self.region = verb, list(flags), region
        self.variables = variables or {}
        self.port, self.process, self.url = 0, None, None
        self.log_path = self.folder / "server.log"
        self.config = None
        if config is not None:
            self.config = self.folder / "bedplate.toml"
            self.config.write_text(config)

    def command(self):
        no_play = ["--no-play"] if self.verb == "dev" and "--example" not in self.flags else []
        config = ["--config", str(self.config)] if self.config else []
        return [binary(), self.verb, "--port", str(self.port), "--state", str(self.state), *no_play, *config, *self.flags]

    def start(self):
        """Starts it and waits until it answers; keeps the port, and the clients, over restarts."""
        self.launch()
        before, self.url = self.url, until(self.ready, lambda: f"a server that is ready; its log:\n{self.log()}")
        self.port = int(self.url.rsplit(":", 1)[1])
        if self.url != before:
            make = clients(self.url, self.region)
            self.agents, self.runtime, self.functions = (make(name) for name in ("bedrock-agent", "bedrock-agent-runtime", "lambda"))
            self.client = make
        return self

    def launch(self):
        """Starts it and waits for nothing."""
        self.note().unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=environment(**self.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def note(self):
        return self.state / "server.json"

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}; its log:\n{self.log()}")
        try:
            url = json.loads(self.note().read_text())["url"]
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                return url if answer.status == 200 else None
        except (OSError, ValueError, urllib.error.URLError):
            return None

    def kill9(self):
        """Ends the whole process group without a warning."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def terminate(self, seconds=40):
        """Asks it to end, and gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def restart(self):
        return self.start()

    def stop(self):
        if self.process and self.process.poll() is None:
            try:
                self.terminate(10)
            except subprocess.TimeoutExpired:
                self.kill9()

    def log(self):
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def shown(self, session, **more):
        """`session show -o json`, as text."""
        shown = self.run("session", "show", session, "-o", "json", **more)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    def run(self, *args, **more):
        """Runs a verb of the program against this server."""
        return run(*args, cwd=self.folder, BEDPLATE_URL=self.url, **more)
