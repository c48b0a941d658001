"""A function in Rust as its authors write it: AWS's `lambda_runtime` crate, unmodified, its binary in a zip as `bootstrap`."""

import base64
import io
import json
import pathlib
import shutil
import subprocess
import time
import zipfile

import pytest

from support.agents import ROLE, agent, schema, unique
from support.double import call, say
from support.server import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("cargo"), reason="needs cargo")


@pytest.fixture(scope="module")
def package():
    """Builds it once into the target folder: about 30 CPU-seconds the first time."""
    source, target = ROOT / "e2e/handler-rs", ROOT / "target/e2e"
    build = ["cargo", "build", "--quiet", "--locked", "--manifest-path", source / "Cargo.toml", "--target-dir", target]
    subprocess.run(build, check=True, timeout=900)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, pathlib.Path(target / "debug/bootstrap").read_bytes(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


@pytest.fixture(scope="module")
def made(server, package):
    sent = {"Runtime": "provided.al2023", "Handler": "bootstrap", "Role": ROLE, "Code": {"ZipFile": package}, "Timeout": 30}
    return server.functions.create_function(FunctionName=unique("rust"), **sent)


def invoke(server, made, event, **more):
    answer = server.functions.invoke(FunctionName=made["FunctionName"], Payload=json.dumps(event), **more)
    return json.loads(answer["Payload"].read()), answer


# The first test of the file waits for the build.
@pytest.mark.timeout(900)
def test_events_answers_and_errors(server, made):
    given = base64.b64encode(json.dumps({"custom": {"a": "b"}, "env": {}}).encode()).decode()
    got, answer = invoke(server, made, {"ü": [1, 2.5, None]}, ClientContext=given, LogType="Tail")
    assert got["event"] == {"ü": [1, 2.5, None]} and got["custom"] == {"a": "b"}
    assert (got["name"], got["arn"]) == (made["FunctionName"], made["FunctionArn"])
    assert got["id"] == answer["ResponseMetadata"]["RequestId"]
    assert 0 < got["deadline"] - time.time() * 1000 < 31_000
    assert f"event of {got['id']}\n" in base64.b64decode(answer["LogResult"]).decode()

    got, answer = invoke(server, made, "fail")
    assert (answer["FunctionError"], got["errorMessage"]) == ("Unhandled", "no court")
    assert [invoke(server, made, n)[0]["event"] for n in range(20)] == list(range(20)), "it goes on"


@pytest.mark.timeout(900)
def test_a_tool_in_rust(server, made, model):
    it = agent(server, {"g": (made["FunctionArn"], schema("f"))})
    model.will(call("g__f"), say("ok"))
    turn = it.ask("go")
    assert turn.error is None and turn.observed() == ["from Rust"], turn.error
