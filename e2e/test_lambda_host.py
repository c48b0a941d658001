"""How functions live with the server: they call it back, they end with it, and they call functions that are elsewhere."""

import base64
import fcntl
import json
import os
import pathlib
import sys

import boto3
import pytest
from botocore.config import Config

from support.agents import ROLE, refused, unique
from support.ledger import zip_of
from support.server import REGION
from support.wait import until

SECRET = "a-secret-of-forty-characters-or-so-12345"
KEYS = """
[keys.us]
access_key = "AKIAUSAUSAUSAUSAUSAU"
secret_env = "KEY_OF_US"

[keys.them]
access_key = "AKIATHEMTHEMTHEMTHEM"
secret_env = "KEY_OF_US"
account = "222222222222"
regions = ["us-east-1"]
"""
# boto3 is not part of a function's environment here: this lets it find the one of the tests.
PACKAGES = str(pathlib.Path(boto3.__file__).parents[1])


def client(server, access_key, service="lambda", secret=SECRET):
    session = boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret, region_name=REGION)
    return session.client(service, endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False))


def create(functions, source, **more):
    sent = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": zip_of(source)}, "Timeout": 60}
    return functions.create_function(**{"FunctionName": unique("fn"), **sent, **more})["FunctionName"]


def invoke(functions, name, event=None):
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


CALLS = """
import boto3, json, os, urllib.request
def handler(event, context):
    if event == "environment":
        return {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
    answer = boto3.client("lambda").invoke(FunctionName=event)
    who = boto3.client("sts").get_caller_identity()["Account"]
    return [json.loads(answer["Payload"].read()), who]
"""


def test_handlers_call_back_where_keys_are_asked_for(new_server, double):
    own = new_server(config=double.config() + KEYS, variables={"KEY_OF_US": SECRET}).start()
    assert refused(own.functions.list_functions)[0] == "UnrecognizedClientException"
    seen = {}
    for key, account in (("AKIAUSAUSAUSAUSAUSAU", "000000000000"), ("AKIATHEMTHEMTHEMTHEM", "222222222222")):
        functions = client(own, key)
        inner = create(functions, "def handler(event, context):\n    return context.invoked_function_arn")
        outer = create(functions, CALLS, Environment={"Variables": {"PYTHONPATH": PACKAGES}})
        arn, who = invoke(functions, outer, inner)
        assert who == account and arn.split(":")[4] == account, "as the function's own account"
        seen[account] = invoke(functions, outer, "environment")
    assert len({one["AWS_ACCESS_KEY_ID"] for one in seen.values()}) == 2
    mine = seen["000000000000"]
    session = boto3.Session(mine["AWS_ACCESS_KEY_ID"], mine["AWS_SECRET_ACCESS_KEY"], mine["AWS_SESSION_TOKEN"], REGION)
    functions = session.client("lambda", endpoint_url=own.url)
    assert functions.list_functions()["Functions"]
    own.kill9()
    own.restart()
    assert refused(functions.list_functions)[0] == "UnrecognizedClientException", "it ends with the server"
    state = b"".join(path.read_bytes() for path in own.state.rglob("*") if path.is_file())
    for text in (*mine.values(), SECRET):
        assert text not in own.log() and text.encode() not in state


HOLDS = """
import base64
import fcntl, os, subprocess, time
def handler(event, context):
    file = open(os.environ["LOCK"], "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    subprocess.Popen(["sleep", "60"], pass_fds=[file.fileno()])
    open(os.environ["LOCK"] + ".held", "w").close()
    time.sleep(60)
"""


@pytest.mark.parametrize("isolated", [True, False])
def test_functions_end_with_a_server_that_is_killed(new_server, background, tmp_path, isolated):
    variables = {}
    if not isolated:
        # Everything that functions need, but no bubblewrap.
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/python3").symlink_to(os.path.realpath(sys.executable))
        (tmp_path / "bin/sleep").symlink_to("/bin/sleep")
        variables["PATH"] = str(tmp_path / "bin")
    own, lock = new_server(variables=variables).start(), tmp_path / "lock"
    name = create(own.functions, HOLDS, Environment={"Variables": {"LOCK": str(lock)}})
    background(own.functions.invoke, FunctionName=name)
    until(lambda: pathlib.Path(f"{lock}.held").exists(), "the function")
    with open(lock) as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own.process.kill()
        own.process.wait(10)

        def free():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                return False

        until(free, "the end of the function and of what it started")


LOOKS = """
def handler(event, context):
    seen = {}
    for path in event:
        try:
            seen[path] = open(path).read()
        except OSError as error:
            seen[path] = type(error).__name__
    return seen
"""


def test_files_with_secrets_are_hidden_from_functions(new_server, double, tmp_path):
    """Those of providers, of keys and of the upstream; what is beside them is not."""
    place = tmp_path / "secrets"
    place.mkdir()
    files = [place / name for name in ("model.key", "team.key", "upstream.key", "upstream.token")]
    for file in files:
        file.write_text(SECRET)
    (place / "plain.txt").write_text("plain")
    config = f"""
[providers.other]
kind = "openai"
base_url = "http://127.0.0.1:1"
api_key_file = "model.key"
[keys.us]
access_key = "AKIAUSAUSAUSAUSAUSAU"
secret_env = "KEY_OF_US"
[keys.team]
access_key = "AKIATHEMTHEMTHEMTHEM"
secret_file = "team.key"
[upstream]
url = "http://127.0.0.1:1"
access_key = "AKIAUPSTREAM"
secret_file = "upstream.key"
session_token_file = "upstream.token"
"""
    own = new_server(config=double.config(config), variables={"KEY_OF_US": SECRET}, folder="secrets").start()
    if "functions do not see the state folder" not in own.log():
        pytest.skip("functions are not isolated here")
    functions = client(own, "AKIAUSAUSAUSAUSAUSAU")
    name = create(functions, LOOKS)
    seen = invoke(functions, name, [str(file) for file in [*files, place / "plain.txt"]])
    assert seen.pop(str(place / "plain.txt")) == "plain"
    assert len(seen) == 4 and SECRET not in json.dumps(seen), seen


def test_functions_of_aws_are_called_signed(new_server, double):
    """`aws` with another server that asks for keys in the place of AWS."""
    there = new_server(config=double.config() + KEYS, variables={"KEY_OF_US": SECRET}).start()
    functions = client(there, "AKIAUSAUSAUSAUSAUSAU")
    name = create(functions, "def handler(event, context):\n    print('here')\n    return [event, context.function_version]", Publish=True)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    mapped = f"""
[functions.far]
aws = "{REGION}"
endpoint = "{there.url}"
function = "{name}:live"

[functions.stranger]
aws = "{REGION}"
endpoint = "{there.url}"
access_key_env = "ANOTHER_KEY"
function = "{name}"
"""
    variables = {"AWS_ACCESS_KEY_ID": "AKIAUSAUSAUSAUSAUSAU", "AWS_SECRET_ACCESS_KEY": SECRET, "ANOTHER_KEY": "AKIANOBODY"}
    own = new_server(config=double.config() + mapped, variables=variables).start()
    assert invoke(own.functions, "far", {"ü": 1}) == [{"ü": 1}, "1"]
    answer = own.functions.invoke(FunctionName="far", LogType="Tail")
    assert b"here\n" in base64.b64decode(answer["LogResult"]) and answer["ExecutedVersion"] == "1"
    code, message, status = refused(own.functions.invoke, FunctionName="stranger")
    assert (code, status) == ("AccessDeniedException", 403) and "security token" in message
    assert SECRET not in own.log()
