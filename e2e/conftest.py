"""Servers, a model's double and a ledger for every test. The tests of one file share one server."""

import pytest

from support.double import Double
from support.ledger import Ledger
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
