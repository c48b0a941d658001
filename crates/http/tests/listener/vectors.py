"""Writes vectors.json: requests that boto3 has signed, byte for byte as it would send them, with made-up keys and a stopped clock.

    python3 vectors.py > vectors.json        (boto3 1.43 made the file that is committed)

Nothing is sent: every client is stopped at botocore's last station before the socket.
"""

import datetime
import json
import sys
import uuid
from unittest import mock
from urllib.parse import urlsplit

import boto3
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 11, 21, 15, 4, 5)
KEY, SECRET, TOKEN = "AKIDEXAMPLE00000001", "made-up-secret/of+forty=characters000001", "made-up/session+token=="
URL = "http://127.0.0.1:7780"
found = []


class Stop(Exception):
    pass


def note(name, method, url, headers, body, token=None, authority=False):
    parts = urlsplit(url)
    text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
    headers = [[key, text(value)] for key, value in headers.items()]
    if not authority and not any(key.lower() == "host" for key, _ in headers):
        headers.append(["Host", parts.netloc])
    target = parts.path + ("?" + parts.query if parts.query else "")
    case = {"name": name, "method": method, "target": target, "headers": headers, "body": text(body or b"")}
    if token:
        case["token"] = token
    if authority:
        case["authority"] = parts.netloc
    found.append(case)


def client(service, token=None):
    config = Config(retries={"total_max_attempts": 1}, user_agent="vectors")
    return boto3.client(service, region_name="eu-central-1", endpoint_url=URL, config=config,
                        aws_access_key_id=KEY, aws_secret_access_key=SECRET, aws_session_token=token)


def call(name, service, operation, token=None, **arguments):
    made = client(service, token)

    def stop(request, **_):
        note(name, request.method, request.url, request.headers, request.body, token)
        raise Stop

    made.meta.events.register("before-send", stop)
    try:
        getattr(made, operation)(**arguments)
    except Stop:
        pass


def presign(name, service, operation, token=None, **arguments):
    url = client(service, token).generate_presigned_url(operation, Params=arguments, ExpiresIn=900, HttpMethod="GET")
    note(name, "GET", url, {}, b"", token)


def signed_by_hand(name, method, target, headers, body, signer=botocore.auth.SigV4Auth, authority=False):
    request = AWSRequest(method=method, url=URL + target, headers=headers, data=body)
    signer(Credentials(KEY, SECRET), "bedrock", "eu-central-1").add_auth(request)
    note(name, method, request.url, request.headers, body, authority=authority)


class Http2(botocore.auth.SigV4Auth):
    """Signs the authority as the JavaScript SDK does over HTTP/2."""

    def headers_to_sign(self, request):
        signed = super().headers_to_sign(request)
        signed[":authority"] = signed["host"]
        del signed["host"]
        return signed


with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: NOW), \
        mock.patch.object(uuid, "uuid4", lambda: uuid.UUID(int=4)):
    call("list agents", "bedrock-agent", "list_agents", maxResults=10)
    call("get agent", "bedrock-agent", "get_agent", agentId="AGENT00001")
    call("session token", "bedrock-agent", "get_agent", token=TOKEN, agentId="AGENT00001")
    call("tags of an ARN", "bedrock-agent", "list_tags_for_resource",
         resourceArn="arn:aws:bedrock:eu-central-1:000000000000:agent/AGENT00001")
    call("delete with a query", "bedrock-agent", "delete_agent", agentId="AGENT00001", skipResourceInUseCheck=True)
    for title, session in [("a turn", "s-1"), ("a session of colons", "a:b.c-d_e"), ("a session of dots", "..")]:
        call(title, "bedrock-agent-runtime", "invoke_agent", agentId="AGENT00001", agentAliasId="ALIAS00001",
             sessionId=session, inputText="Grüße, 世界")
    call("converse", "bedrock-runtime", "converse", modelId="arn:aws:bedrock:eu-central-1::foundation-model/a.b-v1:0",
         messages=[{"role": "user", "content": [{"text": "hi"}]}])
    call("a query to escape", "lambda", "list_functions", Marker="a b/c+d=e&f~g*h%20", MaxItems=7)
    call("invoke a function", "lambda", "invoke", FunctionName="f:1", Payload=b'{"a": 1}', InvocationType="Event")
    call("awsJson", "stepfunctions", "list_state_machines", maxResults=3)
    call("awsQuery", "sts", "get_caller_identity")
    presign("presigned", "bedrock-agent", "get_agent", agentId="AGENT00001")
    presign("presigned with a token", "sts", "get_caller_identity", token=TOKEN)
    signed_by_hand("authority of HTTP/2", "POST", "/agents/A/agentAliases/B/sessions/c%3Ad/text", {"content-type": "application/json"},
                   b"{}", signer=Http2, authority=True)
    signed_by_hand("date instead of x-amz-date", "GET", "/agents/A/", {"Date": "soon"}, b"")
    signed_by_hand("spaces in headers", "GET", "/agents/A/", {"x-amz-note": "  a   b \t c  "}, b"")
    signed_by_hand("repeated parameters", "GET", "/a?b=2&b=1&a-b=&a=%2F&ab&B=0", {}, b"")
    signed_by_hand("empty and dot segments", "GET", "//a//./b/../c/", {}, b"")
    signed_by_hand("a final dot segment", "GET", "/a/.", {}, b"")

json.dump({"now": "2026-11-21T15:04:05Z", "access_key": KEY, "secret": SECRET, "case": found}, sys.stdout, indent=1, ensure_ascii=False)
print()
