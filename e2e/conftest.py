"""Servers, a model's double and a ledger for every test. The tests of one file share one server."""

import concurrent.futures

import pytest

from support.agents import agent, function, schema
from support.crash import BROKEN, SLOW
from support.double import Double
from support.ledger import BOOK, Ledger
from support.server import Server


@pytest.fixture(scope="session")
def double():
    return Double()


@pytest.fixture
def model(double):
    """The double, with an empty script. A model call that no test expected fails the test."""
    double.reset()
    yield double
    assert not double.unexpected, f"the model was called when the script was over: {double.requests[-1]['messages'][-1]}"
    assert not double.script, f"{len(double.script)} scripted replies were never asked for"


@pytest.fixture(scope="module")
def server(double, tmp_path_factory, request):
    """A server whose models are all the double."""
    server = Server(tmp_path_factory.mktemp("shared"), config=double.config()).start()
    yield server
    server.stop()


@pytest.fixture
def new_server(double, tmp_path):
    """Makes servers of a test's own, and ends them."""
    made = []

    def make(verb="serve", *flags, config=None, folder=None, **more):
        place = tmp_path / (folder or f"server-{len(made)}")
        server = Server(place, verb, flags, double.config() if config is None else config, **more)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


@pytest.fixture
def rooms(server, ledger):
    """An agent with the functions look(room) and book(room, nights), which write the ledger."""
    arn = function(server, BOOK, ledger.variables())
    return agent(server, {"rooms": (arn, schema("look", "book", room="string", nights="integer?"))})


@pytest.fixture
def own(new_server):
    """A server of a test's own, to be killed."""
    return new_server("serve").start()


@pytest.fixture
def house(own, ledger):
    """An agent on it: hold(room?), book(room?), pay(room?) with confirmation, and ring() for the client."""
    arn = function(own, SLOW, ledger.variables())
    functions = schema("hold", "book", "pay", confirm=["pay"], room="string?")
    return agent(own, {"rooms": (arn, functions), "desk": ("RETURN_CONTROL", schema("ring"))})


@pytest.fixture
def background():
    """Runs something beside the test, such as a turn whose server will be killed; a broken connection is its result."""
    pool = concurrent.futures.ThreadPoolExecutor()

    def start(call, *args, **more):
        def quietly():
            try:
                return call(*args, **more)
            except BROKEN as error:
                return error

        return pool.submit(quietly)

    yield start
    pool.shutdown(wait=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its servers' logs."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for name in ("server", "own"):
            server = item.funcargs.get(name)
            if isinstance(server, Server):
                lines = [line for line in server.log().splitlines() if "bedplate::access" not in line]
                report.sections.append((f"log of {name}", "\n".join(lines)[-3000:]))
