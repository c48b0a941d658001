"""Clients that press: thousands of connections that are silent, slow, half, too long or too eager, opened anew when they are thrown out."""

import collections
import errno
import os
import random
import resource
import select
import socket
import threading
import time
import urllib.parse

LOCAL = "host: localhost\r\n"
LONG = "x-long: " + "a" * 4000 + "\r\n"

# What each kind sends at first, and what again and again after that. HALF_CLOSE ends the sending side.
HALF_CLOSE = object()
KINDS = {
    "silent": (b"", None),
    "half a request line": (b"GET /agents/ HT", None),
    "headers drop by drop": (f"POST /agents/ HTTP/1.1\r\n{LOCAL}".encode(), b"x-a: b\r\n"),
    "a body that does not come": (f"PUT /agents/ HTTP/1.1\r\n{LOCAL}content-length: 1000000\r\n\r\n{{".encode(), None),
    "a body drop by drop": (f"PUT /agents/ HTTP/1.1\r\n{LOCAL}content-length: 1000000\r\n\r\n".encode(), b" "),
    "chunks without an end": (f"PUT /agents/ HTTP/1.1\r\n{LOCAL}transfer-encoding: chunked\r\n\r\n".encode(), b"1\r\n \r\n"),
    "half closed": (f"PUT /agents/ HTTP/1.1\r\n{LOCAL}content-length: 100\r\n\r\nhalf".encode(), HALF_CLOSE),
    "huge headers": (f"GET /agents/ HTTP/1.1\r\n{LOCAL}{LONG * 15}".encode(), LONG.encode()),
    "requests in a row, no answer read": (f"GET /healthz HTTP/1.1\r\n{LOCAL}\r\n".encode() * 200, None),
    "silent after an answer": (f"GET /healthz HTTP/1.1\r\n{LOCAL}\r\n".encode(), None),
    "HTTP/2 without a request": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", None),
    "noise": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 40, None),
}


class Crowd:
    """Keeps `count` connections open, of all kinds in turn. A context manager: it is gone at its end."""

    def __init__(self, url, count, per_second=2000):
        place = urllib.parse.urlsplit(url)
        self.address = (place.hostname, place.port)
        self.count, self.per_second = count, per_second
        self.opened = collections.Counter()
        self.thrown_out = 0
        self.full = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + 500
        if soft < wanted:
            assert hard == resource.RLIM_INFINITY or hard >= wanted, f"this test needs {wanted} open files, the limit is {hard}"
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def __enter__(self):
        self._thread.start()
        assert self.full.wait(60), f"only {sum(self.opened.values())} connections could be opened"
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(30)

    def _run(self):
        poll, members = select.epoll(), {}
        kinds = list(KINDS)
        chance = random.Random(2026)
        number = 0
        try:
            while not self._end.is_set():
                began = time.monotonic()
                # A twentieth of a second at a time.
                for _ in range(min(self.count - len(members), self.per_second // 20)):
                    kind = kinds[number % len(kinds)]
                    number += 1
                    member = self._open(kind)
                    if member is None:
                        break
                    members[member.fileno()] = (member, kind)
                    poll.register(member.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
                    self.opened[kind] += 1
                if len(members) >= self.count or number >= self.count:
                    self.full.set()
                for file, event in poll.poll(0, 4096):
                    member, kind = members[file]
                    if event & (select.EPOLLHUP | select.EPOLLERR) or (event & select.EPOLLRDHUP):
                        poll.unregister(file)
                        member.close()
                        del members[file]
                        self.thrown_out += 1
                for file in chance.sample(list(members), min(100, len(members))):
                    member, kind = members[file]
                    self._press(member, KINDS[kind][1])
                self._end.wait(max(0, 0.05 - (time.monotonic() - began)))
        finally:
            for member, _ in members.values():
                member.close()
            poll.close()

    def _open(self, kind):
        member = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        member.settimeout(2)
        try:
            member.connect(self.address)
            member.setblocking(False)
            self._press(member, KINDS[kind][0])
            return member
        except OSError:
            member.close()
            return None

    @staticmethod
    def _press(member, what):
        try:
            if what is HALF_CLOSE:
                member.shutdown(socket.SHUT_WR)
            elif what:
                member.send(what)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise


def memory(pid):
    """Resident memory of a process in MiB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
