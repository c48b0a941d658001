"""Disks that fill up, cannot be written, or come back with something else on them: clear errors, nothing damaged, and on it goes when they are well."""

import contextlib
import json
import pathlib
import random
import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError

from support.agents import agent, unique
from support.double import say
from support.server import run
from support.wait import until

FULL = "the disk of the state folder is full"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def starting(new_server):
    """Starts a server whose state folder is not as it should be; gives the process that ended."""

    def start(folder, *flags):
        return run("serve", "--port", "0", "--state", folder / "state", *flags, cwd=folder, timeout=20)

    return start


def fill(disk):
    """Writes until nothing more fits."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return ballast


def outcome(asked):
    """ok, or the name of the error, wherever it came."""
    try:
        turn = asked()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, error
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return (turn.error.response["Error"]["Code"], turn.error.response["Error"]["Message"]) if turn.error else ("ok", turn.answer)


# --- Full


def test_a_full_disk(new_server, small_disk, model, tmp_path):
    """Who asks meanwhile is told so, what was accepted waits, and all of it goes on as soon as there is space."""
    letters = random.Random(1)
    model.always(lambda _: say("".join(letters.choices("abcdefghijklmnop ", k=100_000))))
    own = new_server(folder=small_disk)
    own.log_path = tmp_path / "server.log"
    own.start()
    made = agent(own)
    ballast = fill(small_disk)
    told, cut = [], None
    for number in range(200):
        session = f"s-{number}"
        kind, text = outcome(lambda: made.ask("fill it", session=session))
        if kind != "ok":
            cut = session
            break
        told.append((session, text))
    assert cut, "the disk was never full"
    assert kind.lower() in ("internalserverexception", "serviceunavailableexception"), kind
    assert "disk" in text and "full" in text, text
    assert FULL in own.log() and "free some space" in own.log()
    # What needs no space works, and what does is refused.
    assert own.agents.get_agent(agentId=made.id)["agent"]["agentStatus"] == "PREPARED"
    assert told[0][1] in own.shown(told[0][0])
    assert outcome(lambda: made.ask("me too", session="another"))[0] != "ok"
    ballast.unlink()
    assert until(lambda: outcome(lambda: made.ask("and now?", session=unique()))[0] == "ok", "a server that works again")
    own.kill9()
    own.restart()
    for session, text in told:
        assert text in own.shown(session), "nothing that was accepted is lost"
    until(lambda: outcome_of(own, cut) in ("answered", None), "the turn that was cut off ends, or was refused at once")


def outcome_of(own, session):
    shown = own.run("session", "show", session, "-o", "json")
    turns = json.loads(shown.stdout)["turns"] if shown.returncode == 0 else []
    return turns[0]["outcome"] if turns else None


def test_a_start_on_a_full_disk(new_server, small_disk, starting):
    fill(small_disk)
    ended = starting(small_disk)
    assert ended.returncode == 1
    assert str(small_disk) in ended.stderr and "panicked" not in ended.stderr
    assert any(word in ended.stderr for word in ("full", "No space left")), ended.stderr
    (small_disk / "ballast").unlink()
    assert new_server(folder=small_disk).start().url, "nothing half-made stands in the way"


def test_a_start_with_hardly_any_room(new_server, small_disk, starting):
    """Whatever it is that does not fit any more: it is told as what it is."""
    told = 0
    for free in range(4, 100, 8):
        fill(small_disk)
        with open(small_disk / "ballast", "r+b") as ballast:
            ballast.truncate(ballast.seek(0, 2) - free * 1024)
        with contextlib.suppress(subprocess.TimeoutExpired):  # it works
            ended = run("serve", "--port", "0", "--state", small_disk / "state", cwd=small_disk, timeout=2)
            assert ended.returncode == 1
            assert "free some space" in ended.stderr and str(small_disk) in ended.stderr, f"{free} KiB: {ended.stderr}"
            told += 1
        shutil.rmtree(small_disk / "state", ignore_errors=True)
        (small_disk / "ballast").unlink()
    assert told >= 5
    assert new_server(folder=small_disk).start().url


def test_a_log_that_cannot_be_written(new_server, small_disk, model, tmp_path):
    """The log's disk is full, the state's is not: whoever asks does not notice."""
    model.always(lambda _: say("hi"))
    own = new_server(folder=tmp_path / "well")
    own.log_path = small_disk / "server.log"
    own.start()
    made = agent(own)
    fill(small_disk)
    assert [made.ask("hello").answer for _ in range(20)] == ["hi"] * 20
    assert own.process.poll() is None


# --- Not to be written


def test_a_folder_that_cannot_be_written(small_disk, starting):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = starting(small_disk)
    assert ended.returncode == 1
    assert str(small_disk) in ended.stderr and "Read-only" in ended.stderr


def test_a_disk_that_was_made_read_only(new_server, small_disk, starting, model):
    model.will(say("hi"))
    own = new_server(folder=small_disk).start()
    made = agent(own)
    made.ask("hello")
    own.stop()
    before = contents(own.state)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = starting(small_disk)
    assert ended.returncode == 1 and "ead-only" in ended.stderr, ended.stderr
    assert contents(own.state) == before
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    own.start()
    assert "hello" in own.shown(made.session)


def contents(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir() if path.is_file()}


# --- Two processes


def test_two_servers_on_one_folder(own, house, model, starting):
    model.will(say("still here"))
    ended = starting(own.folder)
    assert ended.returncode == 1
    assert "in use" in ended.stderr and str(own.process.pid) in ended.stderr and "--state" in ended.stderr
    assert house.ask("hello").answer == "still here", "the first one does not notice"
    own.kill9()
    own.restart()


# --- Something else on the disk

# How a state file comes back from a bad disk, and a word of what is said of it.
DAMAGES = {
    "empty": (lambda data: b"", "damaged"),
    "its first page only": (lambda data: data[:1000], "damaged"),
    "half of it": (lambda data: data[: len(data) // 2 // 2048 * 2048], "damaged"),
    "another program's": (lambda data: b"\x7fELF" + data[4:], "damaged"),
    "a text": (lambda data: b"my notes\n" * 1000, "damaged"),
    "a newer format": (lambda data: data[:60] + (99).to_bytes(4, "big") + data[64:], "newer"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_state_file(own, house, model, starting, name):
    model.will(say("hi"))
    house.ask("hello")
    assert own.terminate() == 0
    file, kept = own.state / "state.db", own.folder / "kept"
    shutil.copytree(own.state, kept)
    for log in own.state.glob("state.db-*"):
        log.unlink()
    damage, word = DAMAGES[name]
    file.write_bytes(damage((kept / "state.db").read_bytes()))
    before = file.read_bytes()
    ended = starting(own.folder)
    assert ended.returncode == 1, f"it started: {ended.stderr}"
    assert word in ended.stderr and "state.db" in ended.stderr and "panicked" not in ended.stderr
    assert file.read_bytes() == before, "what may be saved by others is left as it is"
    shutil.rmtree(own.state)
    shutil.copytree(kept, own.state)
    own.start()
    assert "hello" in own.shown(house.session), "a copy of the folder is a backup"


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_torn_log(own, house, model, part):
    """What a machine that lost power may leave of the log's end: up to there everything is there, and in order."""
    model.always(lambda _: say("hi"))
    for number in range(6):
        house.ask(f"number {number}")
    own.kill9()
    log = own.state / "state.db-wal"
    data = log.read_bytes()
    end = len(data.rstrip(b"\0"))
    log.write_bytes(data[: int(end * part)] + random.Random(1).randbytes(3000))
    own.restart()
    shown = own.run("session", "show", house.session, "-o", "json")
    turns = json.loads(shown.stdout)["turns"] if shown.returncode == 0 else []
    assert [turn["text"] for turn in turns] == [f"number {number}" for number in range(len(turns))]
    assert len(turns) < 6, "the log was not torn where it matters"
    fresh = agent(own)
    assert fresh.ask("and now?").answer == "hi"


def test_pages_of_garbage(own, house, model):
    """A disk that spoiled the middle of the file: requests end with errors or answers, the server does not end."""
    model.always(lambda _: say("hi " * 500))
    for number in range(20):
        house.ask(f"number {number}", session=f"s-{number}")
    assert own.terminate() == 0
    file = own.state / "state.db"
    data = bytearray(file.read_bytes())
    chosen = random.Random(7)
    for page in range(8, len(data) // 2048, 3):
        data[page * 2048 : (page + 1) * 2048] = chosen.randbytes(2048)
    file.write_bytes(data)
    for log in own.state.glob("state.db-*"):
        log.unlink()
    try:
        own.start()
    except AssertionError as error:
        assert "damaged" in str(error) and "panicked" not in str(error)
        return
    for number in range(20):
        outcome(lambda: house.ask("and now?", session=f"s-{number}"))
        own.run("session", "show", f"s-{number}")
    assert own.process.poll() is None and "panicked" not in own.log()


def test_the_folder_is_deleted_while_it_runs(own, house, model):
    """Somebody tidied up: whoever asks is told, and the log says what to do."""
    model.always(lambda _: say("hi"))
    house.ask("hello")
    shutil.rmtree(own.state)
    kind, text = outcome(lambda: house.ask("still there?"))
    assert kind != "ok", "a turn that nobody will find again was accepted"
    assert "state" in text, text
    assert str(own.state) in own.log()
    assert own.process.poll() is None or own.process.returncode == 1
