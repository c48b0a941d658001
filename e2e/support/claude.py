"""Doubles of Anthropic's Messages API and of Amazon Bedrock's Converse, which say what a test told them to say.

A reply is a list of content blocks in Converse's form; both doubles send it, whole or streamed, as a real server would. Requests are kept.
"""

import collections
import json
import struct
import urllib.parse
import zlib

from .loopback import Handler, Loopback

THOUGHTS = {"reasoningContent": {"reasoningText": {"text": "Look first.", "signature": "c2lnbmVk"}}}


def text(words):
    return {"text": words}


def use(name, arguments, number=1):
    return {"toolUse": {"toolUseId": f"tool-{number}", "name": name, "input": arguments}}


class Claude(Loopback):
    """One server that speaks both. `will` scripts replies: lists of blocks, or (status, error type, message)."""

    def __init__(self):
        self.script, self.requests = collections.deque(), []
        double = self

        class Answers(Handler):
            def do_POST(self):
                raw = self.body()
                double.requests.append(Request(self.path, dict(self.headers), raw))
                reply = double.script.popleft() if double.script else (400, "invalid_request_error", "the script is over")
                try:
                    if self.path == "/v1/messages":
                        messages(self, json.loads(raw), reply)
                    else:
                        converse(self, self.path.rsplit("/", 1)[1] == "converse-stream", reply)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        super().__init__(Answers)
        self.base_url = self.url

    def will(self, *replies):
        self.script.extend(replies)


class Request:
    def __init__(self, path, headers, raw):
        self.path = urllib.parse.unquote(path)
        self.raw_path, self.headers, self.raw = path, {name.lower(): value for name, value in headers.items()}, raw
        self.body = json.loads(raw)


def begin(http, kind):
    http.send_response(200)
    http.send_header("content-type", kind)
    http.send_header("transfer-encoding", "chunked")
    http.end_headers()

    def write(data):
        http.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        http.wfile.flush()

    return write


def halves(words):
    middle = len(words) // 2
    return [words[:middle], words[middle:]]


def stop_reason(blocks):
    return "tool_use" if any("toolUse" in block for block in blocks) else "end_turn"


def messages(http, body, reply):
    """Anthropic's Messages API."""
    if isinstance(reply, tuple):
        status, kind, message = reply
        return http.tell(status, {"type": "error", "error": {"type": kind, "message": message}})
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 7}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-double", "stop_sequence": None}

    def block(one):
        if "text" in one:
            return {"type": "text", "text": one["text"]}
        if "toolUse" in one:
            used = one["toolUse"]
            return {"type": "tool_use", "id": used["toolUseId"], "name": used["name"], "input": used["input"]}
        thoughts = one["reasoningContent"]["reasoningText"]
        return {"type": "thinking", "thinking": thoughts["text"], "signature": thoughts["signature"]}

    if not body.get("stream"):
        return http.tell(200, {**head, "content": [block(one) for one in reply], "stop_reason": stop_reason(reply), "usage": usage})
    write = begin(http, "text/event-stream")

    def event(kind, **more):
        write(f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode())

    event("message_start", message={**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}})
    for index, one in enumerate(map(block, reply)):
        kind = one["type"]
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}[kind]
        event("content_block_start", index=index, content_block={**one, **empty})
        member, field = {
            "text": ("text_delta", "text"),
            "thinking": ("thinking_delta", "thinking"),
            "tool_use": ("input_json_delta", "partial_json"),
        }[kind]
        whole = json.dumps(one["input"]) if kind == "tool_use" else one[kind]
        for piece in halves(whole):
            event("content_block_delta", index=index, delta={"type": member, field: piece})
        if kind == "thinking":
            event("content_block_delta", index=index, delta={"type": "signature_delta", "signature": one["signature"]})
        event("content_block_stop", index=index)
    event("message_delta", delta={"stop_reason": stop_reason(reply), "stop_sequence": None}, usage={"output_tokens": 7})
    event("message_stop")
    http.wfile.write(b"0\r\n\r\n")
    return None


def frame(kind, document):
    """An event-stream frame (the specification is Smithy's)."""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps(document).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def converse(http, streaming, reply):
    """Amazon Bedrock's Converse and ConverseStream."""
    if isinstance(reply, tuple):
        status, kind, message = reply
        return http.tell(status, {"message": message}, **{"x-amzn-errortype": kind})
    usage = {"inputTokens": 10, "outputTokens": 7, "totalTokens": 22, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 0}
    metrics = {"latencyMs": 12}
    if not streaming:
        output = {"message": {"role": "assistant", "content": reply}}
        return http.tell(200, {"output": output, "stopReason": stop_reason(reply), "usage": usage, "metrics": metrics})
    write = begin(http, "application/vnd.amazon.eventstream")
    write(frame("messageStart", {"role": "assistant"}))
    for index, one in enumerate(reply):
        if "toolUse" in one:
            used = one["toolUse"]
            start = {"toolUse": {"toolUseId": used["toolUseId"], "name": used["name"]}}
            write(frame("contentBlockStart", {"start": start, "contentBlockIndex": index}))
            deltas = [{"toolUse": {"input": piece}} for piece in halves(json.dumps(used["input"]))]
        elif "text" in one:
            deltas = [{"text": piece} for piece in halves(one["text"])]
        else:
            thoughts = one["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in halves(thoughts["text"])]
            deltas.append({"reasoningContent": {"signature": thoughts["signature"]}})
        for delta in deltas:
            write(frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": index}))
        write(frame("contentBlockStop", {"contentBlockIndex": index}))
    write(frame("messageStop", {"stopReason": stop_reason(reply)}))
    write(frame("metadata", {"usage": usage, "metrics": metrics}))
    http.wfile.write(b"0\r\n\r\n")
    return None
