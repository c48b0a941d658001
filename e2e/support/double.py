"""The double of a model provider: speaks OpenAI's Chat Completions and says what a test told it to say.

A reply is a list of pieces. A text is streamed as it stands; a Gate holds the reply back until the test opens it; CUT breaks
the connection. Requests are kept, so that a test can look at what a model would have seen.
"""

import collections
import dataclasses
import json
import threading

from .loopback import Handler, Loopback

CUT = object()


class Gate:
    """Holds a reply back. `reached` tells the test that it does, `open` lets it go on."""

    def __init__(self):
        self._reached, self._open = threading.Event(), threading.Event()

    def hold(self):
        self._reached.set()
        self._open.wait(60)

    def reached(self):
        assert self._reached.wait(20), "the model was not called"

    def open(self):
        self._open.set()


@dataclasses.dataclass
class Reply:
    pieces: list = dataclasses.field(default_factory=list)
    tools: list = dataclasses.field(default_factory=list)
    thinking: str = ""
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    usage: tuple = (11, 7)
    # Why it ended, when that does not follow from the tools.
    ended: str = ""

    def finish(self):
        return self.ended or ("tool_calls" if self.tools else "stop")

    def text(self):
        return "".join(piece for piece in self.pieces if isinstance(piece, str))


def say(*pieces, **more):
    """A reply of text."""
    return Reply(pieces=list(pieces), **more)


def call(name, arguments=None, text="", **more):
    """A reply that wants one tool."""
    return calls((name, arguments or {}), text=text, **more)


def calls(*tools, text="", **more):
    """A reply that wants several tools at once."""
    return Reply(pieces=[text] if text else [], tools=list(tools), **more)


def fail(status, **headers):
    return Reply(status=status, headers=headers)


class Double(Loopback):
    def __init__(self):
        self.reset()
        double = self

        class Answers(Handler):
            def do_POST(self):
                body = json.loads(self.body())
                double.headers.append({name.lower(): value for name, value in self.headers.items()})
                try:
                    double.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        super().__init__(Answers)
        self.base_url = f"{self.url}/v1"

    def reset(self):
        self.script = collections.deque()
        self.answers = None
        self.requests = []
        self.headers = []
        self.unexpected = 0
        self.made = 0

    def will(self, *replies):
        """Adds replies to the script; a function makes its reply from the request."""
        self.script.extend(replies)

    def always(self, answers):
        """Answers every request by a function of it, however often it comes."""
        self.answers = answers

    def config(self, more=""):
        """The bedplate.toml that sends every model id here."""
        return f'[providers.double]\nkind = "openai"\nbase_url = "{self.base_url}"\n\n[[route]]\nmodel = "*"\nto = ["double/test"]\n{more}'

    def answer(self, http, body):
        self.requests.append(body)
        if self.answers:
            reply = self.answers(body)
        elif not self.script:
            self.unexpected += 1
            reply = fail(400)
        else:
            reply = self.script.popleft()
        if callable(reply):
            reply = reply(body)
        if reply.status == 200 and http.path.endswith("/embeddings"):
            data = [{"index": index, "embedding": [len(text), 1.0]} for index, text in enumerate(body["input"])]
            return http.tell(200, {"data": data, "usage": {"prompt_tokens": reply.usage[0]}})
        if reply.status != 200:
            return http.tell(reply.status, {"error": {"message": "the double was told to fail"}}, **reply.headers)
        if body.get("stream"):
            return self.stream(http, reply)
        if not self.wait(reply):
            http.close_connection = True
            return None
        message = {"role": "assistant", "content": reply.text() or None}
        if reply.thinking:
            message["reasoning_content"] = reply.thinking
        if reply.tools:
            message["tool_calls"] = self.tool_calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": reply.finish()}
        return http.tell(200, {"id": "r", "object": "chat.completion", "model": "test", "choices": [choice], "usage": usage(reply)})

    @staticmethod
    def wait(reply):
        for piece in reply.pieces:
            if isinstance(piece, Gate):
                piece.hold()
            if piece is CUT:
                return False
        return True

    def stream(self, http, reply):
        http.send_response(200)
        http.send_header("content-type", "text/event-stream")
        http.send_header("transfer-encoding", "chunked")
        http.end_headers()

        def write(text):
            data = text.encode()
            http.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            http.wfile.flush()

        def send(delta, finish=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            document = {"id": "r", "object": "chat.completion.chunk", "model": "test", "choices": [choice], **more}
            write(f"data: {json.dumps(document)}\n\n")

        send({"role": "assistant"})
        if reply.thinking:
            send({"reasoning_content": reply.thinking})
        for piece in reply.pieces:
            if isinstance(piece, Gate):
                piece.hold()
            elif piece is CUT:
                http.close_connection = True
                return
            else:
                send({"content": piece})
        for index, tool in enumerate(self.tool_calls(reply) if reply.tools else []):
            send({"tool_calls": [{"index": index, **tool}]})
        send({}, reply.finish())
        write(f"data: {json.dumps({'id': 'r', 'object': 'chat.completion.chunk', 'model': 'test', 'choices': [], 'usage': usage(reply)})}\n\n")
        write("data: [DONE]\n\n")
        http.wfile.write(b"0\r\n\r\n")

    def tool_calls(self, reply):
        made = []
        for name, arguments in reply.tools:
            self.made += 1
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            made.append({"id": f"call-{self.made}", "type": "function", "function": {"name": name, "arguments": text}})
        return made


def usage(reply):
    prompt, completion = reply.usage
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def last(model):
    """The messages of the last model call, without the system prompt."""
    return [one for one in model.requests[-1]["messages"] if one["role"] != "system"]


def results(model):
    """What tools gave, as the model saw it last."""
    return [one["content"] for one in last(model) if one["role"] == "tool"]
