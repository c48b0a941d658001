"""Model servers that do not behave: too much, without an end, or two things at once. Raw sockets, because no library would send this.

A way of misbehaving is a function of a connection (`send` for bytes) that is called when the request has been read.
"""

import json
import socket
import threading
import time

GIGABYTE = 1 << 30
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
PIECE = 64 << 10


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "r", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def text_of_a_gigabyte(connection):
    connection.send(STREAM)
    connection.flood(chunk({"content": "a" * PIECE}))


def one_line_of_a_gigabyte(connection):
    connection.send(STREAM + b"data: ")
    connection.flood(b"a" * PIECE)


def comments_of_a_gigabyte(connection):
    connection.send(STREAM)
    connection.flood(b": still here\n\n" * 4096)


def arguments_of_a_gigabyte(connection):
    connection.send(STREAM + chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "rooms__look", "arguments": "{"}}]}))
    connection.flood(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"a":1,' * 8192}}]}))


def calls_without_an_end(connection):
    connection.send(STREAM)
    many = b"".join(
        chunk({"tool_calls": [{"index": index, "id": f"c{index}", "type": "function", "function": {"name": "rooms__look", "arguments": "{}"}}]})
        for index in range(500)
    )
    connection.flood(many)


def headers_without_an_end(connection):
    connection.send(b"HTTP/1.1 200 OK\r\n")
    connection.flood(b"x-more: " + b"a" * 8000 + b"\r\n")


def a_body_of_a_gigabyte(connection):
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % GIGABYTE)
    connection.flood(b'{"choices": [' + b" " * PIECE)


def an_error_of_a_gigabyte(connection):
    connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % GIGABYTE)
    connection.flood(b'{"error": {"message": "' + b"a" * PIECE)


def redirects(connection):
    connection.send(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/chat/completions\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


def silence(connection):
    connection.wait()


def silence_in_the_middle(connection):
    connection.send(STREAM + chunk({"content": "<answer>half "}))
    connection.wait()


def drops_without_an_end(connection):
    """Never silent for long, and never done."""
    connection.send(STREAM)
    while True:
        connection.send(chunk({"content": "."}))
        time.sleep(0.2)


def the_end_and_then_more(connection):
    """Says that it is done, and goes on."""
    connection.send(STREAM + chunk({"content": "<answer>done</answer>"}) + chunk({}, "stop") + b"data: [DONE]\n\n")
    connection.flood(chunk({"content": "more"}) * 100)


def another_mind(connection):
    """Begins a tool call, gives it another name and id, and ends with an answer."""
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "rooms__look", "arguments": '{"room": '}}
    second = {"index": 0, "id": "c2", "type": "function", "function": {"name": "rooms__book", "arguments": '"blue"}'}}
    connection.send(STREAM + chunk({"tool_calls": [first]}) + chunk({"tool_calls": [second]}))
    connection.send(chunk({"content": "<answer>no, wait</answer>"}) + chunk({}, "stop") + b"data: [DONE]\n\n")


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.sent = 0

    def send(self, data):
        self.sock.sendall(data)
        self.sent += len(data)

    def flood(self, data):
        """Sends it until a gigabyte is out, or the other side hangs up."""
        while self.sent < GIGABYTE:
            self.send(data)

    def wait(self):
        """Until the other side hangs up."""
        self.sock.settimeout(60)
        while self.sock.recv(4096):
            pass


class Greedy:
    """A model server that misbehaves in the way that `way` says."""

    def __init__(self):
        self.way, self.sent, self.calls = None, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def config(self, more=""):
        url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        limits = 'first_byte_timeout = "2s"\nidle_timeout = "2s"\nreply_timeout = "4s"\n'
        return f'[providers.greedy]\nkind = "openai"\nbase_url = "{url}"\n{limits}\n[[route]]\nmodel = "*"\nto = ["greedy/m"]\n{more}'

    def _accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock):
        connection = Connection(sock)
        try:
            with sock:
                self._read(sock)
                self.calls += 1
                self.way(connection)
        except OSError:
            pass  # it hung up, as it should
        self.sent = max(self.sent, connection.sent)

    @staticmethod
    def _read(sock):
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        head, body = data.split(b"\r\n\r\n", 1)
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        while len(body) < length:
            body += sock.recv(65536)
