"""Requests without an SDK: bytes in, bytes out."""

import http.client
import json
import urllib.parse

from botocore.eventstream import EventStreamBuffer

# The region is read from it; whether the signature is right is not asked here.
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=local/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=" + "0" * 64


def request(server, method, path, body=None, headers=None, service="bedrock", region="us-east-1"):
    """Status, headers (lower case), body."""
    place = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    given = {"content-type": "application/json", "authorization": AUTHORIZATION.format(region=region, service=service), **(headers or {})}
    connection.request(method, path, data, given)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


def frames(content):
    """(headers in the order in which they were sent, payload bytes) of each frame."""
    buffer = EventStreamBuffer()
    buffer.add_data(content)
    return [(message.headers, message.payload) for message in buffer]


def stream(server, agent, text, session, headers=None, **more):
    """InvokeAgent frame by frame, while they come: the request's id, and an iterator of (headers, payload)."""
    place = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    path = f"/agents/{agent.id}/agentAliases/{agent.alias}/sessions/{session}/text"
    given = {"content-type": "application/json", "authorization": AUTHORIZATION.format(region="us-east-1", service="bedrock"), **(headers or {})}
    connection.request("POST", path, json.dumps({"inputText": text, "enableTrace": True, **more}).encode(), given)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()

    def read():
        buffer = EventStreamBuffer()
        while content := answer.read1():
            buffer.add_data(content)
            yield from ((message.headers, message.payload) for message in buffer)

    return answer.headers["x-amzn-requestid"], read()


def invoke(server, agent, text, session, **more):
    """InvokeAgent as raw frames: HTTP headers, frames."""
    path = f"/agents/{agent.id}/agentAliases/{agent.alias}/sessions/{session}/text"
    status, headers, content = request(server, "POST", path, {"inputText": text, "enableTrace": True, **more})
    assert status == 200, (status, content)
    return headers, frames(content)
