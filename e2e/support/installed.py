"""Clients with an installation of their own, under `target/e2e-clients`: `cargo xtask e2e` fills it from `e2e/clients`."""

import json
import shutil
import subprocess

import pytest

from .server import ROOT, environment

SOURCES = ROOT / "e2e" / "clients"
PLACE = ROOT / "target" / "e2e-clients"


def credentials(server, **more):
    """What a shell knows of a server: where AWS is, and any credentials."""
    return environment(
        AWS_ENDPOINT_URL=server.url,
        AWS_REGION=server.region,
        AWS_DEFAULT_REGION=server.region,
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_DISABLE_HOST_PREFIX_INJECTION="true",
        AWS_MAX_ATTEMPTS="1",
        **more,
    )


def javascript():
    """Skips where the SDK for JavaScript is not installed; gives what runs a task of sdk.mjs."""
    node, folder = shutil.which("node"), PLACE / "js"
    if not node or not (folder / "node_modules" / "@aws-sdk").is_dir():
        pytest.skip("the SDK for JavaScript is not installed: cargo xtask e2e does it where Node.js is")

    def run(server, what, http="default", **given):
        task = json.dumps({"do": what, "http": http, "input": given})
        variables = credentials(server, CLIENTS=str(folder), NODE_NO_WARNINGS="1")
        ended = subprocess.run([node, SOURCES / "js" / "sdk.mjs"], input=task, env=variables, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


def aws():
    """Skips where the AWS CLI is not installed; gives what runs a command of it."""
    program = PLACE / "aws" / "bin" / "aws"
    if not program.is_file():
        pytest.skip("the AWS CLI is not installed: cargo xtask e2e does it")

    def run(server, *words, fails=None):
        variables = credentials(server, AWS_PAGER="", AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
        ended = subprocess.run([program, *map(str, words), "--output", "json"], env=variables, capture_output=True, text=True, timeout=60)
        if fails:
            assert ended.returncode != 0 and fails in ended.stderr, ended.stdout + ended.stderr
            return ended.stderr
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    return run
