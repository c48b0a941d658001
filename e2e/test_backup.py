"""`backup` beside a running server, `restore` to a new folder, and what both refuse; folders of older and newer formats."""

import dataclasses
import io
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import threading

import boto3
import pytest
from botocore.config import Config

from support.crash import history
from support.double import call, say
from support.older import to_format_2
from support.server import Server, binary, clients, environment, run
from support.wait import until


def s3(server):
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    return session.client("s3", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}, read_timeout=60))


def backup(server, file):
    done = run("backup", file, "--state", server.state, cwd=server.folder)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(file)


def restore(file, state):
    done = run("restore", file, "--state", state)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def restored(new_server):
    """A server on what a backup holds."""

    def make(file, name="restored"):
        server = new_server("serve", folder=name)
        restore(file, server.state)
        return server.start()

    return make


@pytest.fixture(scope="module")
def archive(double, tmp_path_factory):
    """A backup to be damaged: of a server with a bucket and an object."""
    folder = tmp_path_factory.mktemp("archive")
    server = Server(folder, config=double.config()).start()
    s3(server).create_bucket(Bucket="things")
    s3(server).put_object(Bucket="things", Key="a/b", Body=os.urandom(300_000))
    yield backup(server, folder / "state.tar")
    server.stop()


def on(server, one):
    """The same agent and session, at another server."""
    return dataclasses.replace(one, server=server)


def test_the_configuration_goes_along(new_server, double, tmp_path):
    config = double.config('[buckets.manuals]\nfolder = "docs"\n[functions.look]\ncode = "src"\n[keys.k]\naccess_key = "AKIAKEY"\nsecret_file = "key"\n')
    server = new_server(config=config)
    for folder in ("docs", "src"):
        (server.folder / folder).mkdir()
    (server.folder / "src/app.py").write_text("")
    (server.folder / "key").write_text("a-very-secret-secret")
    server.start()
    server.stop()
    done = run("backup", tmp_path / "state.tar", "--state", server.state, cwd=server.folder)
    assert done.returncode == 0, done.stderr
    for told in (server.config, server.folder / "docs", server.folder / "src", server.folder / "key", "bucket manuals", "function look", "not in it"):
        assert str(told) in done.stderr, done.stderr
    assert b"a-very-secret-secret" not in (tmp_path / "state.tar").read_bytes()
    again = run("restore", tmp_path / "state.tar", "--state", tmp_path / "new")
    assert again.returncode == 0 and str(tmp_path / "new/bedplate.toml") in again.stderr, again.stderr
    assert (tmp_path / "new/bedplate.toml").read_text() == config
    # A backup of what was restored takes the configuration of its own folder, and leaves the restored one alone.
    other = tmp_path / "other.toml"
    other.write_text(double.config())
    done = run("backup", tmp_path / "again.tar", "--state", tmp_path / "new", "--config", other)
    assert done.returncode == 0 and str(other) in done.stderr, done.stderr
    assert (tmp_path / "new/bedplate.toml").read_text() == config
    with tarfile.open(tmp_path / "again.tar") as archive:
        assert archive.extractfile("state/bedplate.toml").read().decode() == double.config()
    assert "No such file" in run("backup", tmp_path / "x.tar", "--state", tmp_path / "new", "--config", tmp_path / "missing").stderr
    done = run("backup", tmp_path / "x.tar", "--state", tmp_path / "new", cwd=tmp_path)
    assert done.returncode == 0 and "without a configuration" in done.stderr


def test_everything_is_there_again_and_sessions_go_on(own, house, model, ledger, tmp_path, restored):
    model.will(call("rooms__book", {"room": "red"}), say("Red it is."), call("rooms__book", {"room": "blue"}), say("Blue as well."))
    house.ask("book red")
    things = s3(own)
    things.create_bucket(Bucket="things")
    things.create_bucket(Bucket="empty")
    made = things.put_object(Bucket="things", Key="reports/2026.json", Body=b"{}", ContentType="application/json", Metadata={"by": "ann"})
    long = "x" * 600 + "/ü"
    things.put_object(Bucket="things", Key=long, Body=b"long")
    before = own.shown(house.session)
    file = backup(own, tmp_path / "state.tar")
    assert file.stat().st_mode & 0o777 == 0o600, "it holds what was said"
    again = restored(file)
    assert again.shown(house.session) == before
    assert on(again, house).ask("and blue").answer == "Blue as well."
    assert history(model)[:2] == [("user", "book red"), ("assistant", "rooms__book")]
    assert [line["arguments"]["room"] for line in ledger.lines()] == ["red", "blue"], "the function's code is there"
    things = s3(again)
    assert [bucket["Name"] for bucket in things.list_buckets()["Buckets"]] == ["empty", "things"]
    got = things.get_object(Bucket="things", Key="reports/2026.json")
    assert (got["ContentType"], got["Metadata"], got["ETag"], got["Body"].read()) == ("application/json", {"by": "ann"}, made["ETag"], b"{}")
    assert things.get_object(Bucket="things", Key=long)["Body"].read() == b"long"
    assert not [name for name in os.listdir(own.state) if name.startswith(".backup-")]


def test_a_turn_that_ran_at_that_moment_goes_on(own, house, model, ledger, background, tmp_path, restored):
    model.will(call("rooms__hold", {"room": "blue"}), say("It is yours."), say("Yes, blue."))
    background(house.ask, "hold blue")
    ledger.reached("hold")
    file = backup(own, tmp_path / "state.tar")
    own.kill9()
    (ledger.gates / "reached-hold").unlink()
    again = restored(file)
    ledger.reached("hold")
    ledger.open("hold")
    assert on(again, house).ask("which one?").answer == "Yes, blue."
    assert len(ledger.lines()) == 2 and len(ledger.effects()) == 1, "two calls with one key"


def test_under_load_every_backup_is_one_moment(new_server, tmp_path, restored):
    """Turns that end and objects that are replaced all the time: each backup holds whole turns, and objects that fit what is stored of them."""
    server = new_server("dev", "--example", "tennis", "--no-play", config="").start()
    tennis = next(one for one in server.agents.list_agents()["agentSummaries"])
    things = s3(server)
    things.create_bucket(Bucket="things")
    stop = threading.Event()
    mistakes, turns, puts = [], [], set()

    def talk(number):
        runtime = clients(server.url)("bedrock-agent-runtime")
        try:
            while not stop.is_set():
                text = "Is a court free on Monday at 10?"
                answer = runtime.invoke_agent(
                    agentId=tennis["agentId"], agentAliasId="TSTALIASID", sessionId=f"load-{number}", inputText=text
                )
                assert any("chunk" in event for event in answer["completion"])
                turns.append(number)
        except Exception as error:
            mistakes.append(error)

    def put(number):
        mine = s3(server)
        count = 0
        try:
            while not stop.is_set():
                count += 1
                about = {"ContentType": "text/x-count", "Metadata": {"count": str(count)}}
                mine.put_object(Bucket="things", Key=f"key-{number}", Body=b"x" * count, **about)
                puts.add(number)
        except Exception as error:
            mistakes.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for work in (talk, put) for number in range(2)]
    [thread.start() for thread in threads]
    try:
        until(lambda: (len(turns) >= 4 and len(puts) == 2) or mistakes, "some turns and objects")
        files = []
        for number in range(3):
            before = len(turns)
            files.append((backup(server, tmp_path / f"{number}.tar"), before))
            until(lambda: len(turns) > before or mistakes, "turns go on")
    finally:
        stop.set()
        [thread.join() for thread in threads]
    assert not mistakes
    server.stop()
    for number, (file, before) in enumerate(files):
        again = new_server("dev", "--example", "tennis", "--no-play", config="", folder=f"again-{number}")
        restore(file, again.state)
        again.start()
        shown = [json.loads(again.shown(f"load-{one}", timeout=120))["turns"] for one in range(2)]
        assert sum(map(len, shown)) >= min(before, 2), "what was answered before is in it"
        for one in range(2):
            answer = again.runtime.invoke_agent(
                agentId=tennis["agentId"], agentAliasId="TSTALIASID", sessionId=f"load-{one}", inputText="And on Tuesday at 10?"
            )
            assert any("chunk" in event for event in answer["completion"])
            after = json.loads(again.shown(f"load-{one}"))["turns"]
            assert [turn["outcome"] for turn in after] == ["answered"] * (len(after)), "also the one that ran at that moment"
        for one in range(2):
            got = s3(again).get_object(Bucket="things", Key=f"key-{one}")
            assert got["Metadata"] == {"count": str(got["ContentLength"])} and got["ContentType"] == "text/x-count"
        again.stop()


def test_a_backup_that_is_killed_leaves_nothing_that_counts(own, tmp_path):
    s3(own).create_bucket(Bucket="things")
    s3(own).put_object(Bucket="things", Key="large", Body=os.urandom(1 << 20))
    # It waits for a reader of its output, and is killed then.
    process = subprocess.Popen([binary(), "backup", "-", "--state", own.state], stdout=subprocess.PIPE, env=environment())
    assert process.stdout.read(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [name for name in os.listdir(own.state) if name.startswith(".backup-")], "this is what a kill leaves"
    (tmp_path / "state.tar.part").write_bytes(b"half of another" * 10)
    file = backup(own, tmp_path / "state.tar")
    assert not [name for name in os.listdir(own.state) if name.startswith(".backup-")]
    assert not (tmp_path / "state.tar.part").exists()
    with tarfile.open(file) as tar:
        names = tar.getnames()
    assert (names[0], names[-1]) == ("bedplate-backup.json", "manifest.jsonl")
    assert not [name for name in names if ".backup-" in name or name.endswith(("/lock", "/server.json", "-wal", "-shm"))]
    assert s3(own).get_object(Bucket="things", Key="large")["ContentLength"] == 1 << 20


def test_a_restore_that_is_killed_leaves_no_state(archive, tmp_path):
    state = tmp_path / "state"
    process = subprocess.Popen([binary(), "restore", "-", "--state", state], stdin=subprocess.PIPE, env=environment())
    whole = archive.read_bytes()
    process.stdin.write(whole[: len(whole) // 2])
    process.stdin.flush()
    left = lambda: [path for path in tmp_path.iterdir() if path.name.startswith(".state.restore-")]  # noqa: E731
    until(lambda: any(path.is_file() for place in left() for path in place.rglob("*")), "some files")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left() and not state.exists()
    restore(archive, state)
    assert not left()
    assert (state / "state.db").exists()


def test_through_pipes_and_into_an_empty_folder(own, tmp_path):
    piped = subprocess.run([binary(), "backup", "-", "--state", own.state], capture_output=True, env=environment(), timeout=60)
    assert piped.returncode == 0, piped.stderr
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [binary(), "restore", "-", "--state", tmp_path / "empty"], input=piped.stdout, capture_output=True, env=environment(), timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert sqlite3.connect(tmp_path / "empty" / "state.db").execute("SELECT count(*) FROM meta").fetchone()[0] > 0


@pytest.mark.skipif(not shutil.which("bwrap"), reason="a mount needs bubblewrap")
def test_into_the_root_of_a_volume(archive, tmp_path):
    """What a container has: a folder that cannot be replaced, only filled."""
    volume, state = tmp_path / "volume", tmp_path / "state"
    (volume / "lost+found").mkdir(parents=True)
    state.mkdir()
    command = ["bwrap", "--dev-bind", "/", "/", "--bind", volume, state, binary(), "restore", archive, "--state", state]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    if "bwrap:" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    assert {"buckets", "state.db"} <= set(os.listdir(volume))
    assert not [name for name in os.listdir(volume) if name.startswith(".restore-")]


def test_a_restore_that_was_cut_off_in_a_volume_is_no_state(own):
    own.stop()
    (own.state / ".restore-abc").mkdir()
    done = run("serve", "--port", "0", "--state", own.state)
    assert done.returncode == 1 and "was cut off: empty the folder and restore again" in done.stderr


def rewritten(archive, target, change):
    """The archive, with `change(name, bytes)` of each entry; None leaves it out."""
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for entry in old:
            content = old.extractfile(entry).read() if entry.isfile() else b""
            changed = change(entry.name, content)
            if changed is None:
                continue
            name, content, *kind = changed
            entry.name, entry.size, entry.pax_headers = name, len(content), {}
            if kind:
                entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, kind[0], 0
            new.addfile(entry, io.BytesIO(content))
    return target


def about(**changes):
    def change(name, content):
        return name, json.dumps({**json.loads(content), **changes}).encode() if name == "bedplate-backup.json" else content

    return change


def thing(change):
    """A change of the object's entry, and of no other."""
    return lambda name, content: change(name, content) if name.startswith("state/buckets/things/a") and content else (name, content)


def without(gone):
    return lambda name, content: None if name == gone else (name, content)


DAMAGES = {
    "a changed byte": (thing(lambda name, content: (name, content[:-1] + bytes([content[-1] ^ 1]))), "is not what the manifest says"),
    "a shorter file": (thing(lambda name, content: (name, content[:-1])), "is not what the manifest says"),
    "a missing file": (thing(lambda name, content: None), "is missing"),
    "another name": (thing(lambda name, content: ("state/other", content)), "is missing"),
    "no manifest": (without("manifest.jsonl"), "its manifest is missing"),
    "a way out": (thing(lambda name, content: ("state/../../out", content)), "leads out of the state folder"),
    "an absolute name": (thing(lambda name, content: ("/etc/out", content)), "leads out of the state folder"),
    "a link": (thing(lambda name, content: (name, content, "/etc/passwd")), "neither a file nor a folder"),
    "a newer backup": (about(format=9, bedplate="7.0.0"), "has format 9, this binary knows formats up to 1; use bedplate 7.0.0"),
    "a newer state": (about(state_format=99, bedplate="7.0.0"), "the state in the backup has format 99"),
    "no backup of ours": (without("bedplate-backup.json"), "this is no backup"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_and_nothing_is_made(archive, tmp_path, damage):
    change, told = DAMAGES[damage]
    file = rewritten(archive, tmp_path / "damaged.tar", change)
    refused(file, tmp_path, told)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.5, 0.9, 0.99])
def test_a_backup_that_was_cut_off_is_refused(archive, tmp_path, share):
    whole = archive.read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: int(len(whole) * share)])
    refused(tmp_path / "cut.tar", tmp_path, "")


def refused(file, folder, told):
    before = sorted(folder.iterdir())
    done = run("restore", file, "--state", folder / "state")
    assert done.returncode == 1 and told in done.stderr and "panicked" not in done.stderr, done.stderr
    assert sorted(folder.iterdir()) == before and not (folder.parent / "out").exists()


def test_nothing_is_overwritten(own, archive, tmp_path):
    done = run("restore", archive, "--state", own.state)
    assert done.returncode == 1 and "is not empty" in done.stderr
    done = run("backup", archive, "--state", own.state)
    assert done.returncode == 1 and "is there already" in done.stderr
    done = run("backup", own.state / "in.tar", "--state", own.state)
    assert done.returncode == 1 and "lies in the state folder" in done.stderr
    done = run("backup", tmp_path / "x.tar", "--state", tmp_path)
    assert done.returncode == 1 and "there is no state in" in done.stderr
    assert s3(own).list_buckets()["Buckets"] == []


def test_a_folder_of_the_format_before_is_brought_up(own, house, model, tmp_path):
    model.will(say("Hello Ann."), say("You are Ann."))
    house.ask("I am Ann.")
    shown = own.shown(house.session)
    own.terminate()
    to_format_2(own.state)
    file = backup(own, tmp_path / "old.tar")
    own.start()
    assert "is brought from format 2 to 3" in own.log()
    assert own.shown(house.session) == shown
    assert house.ask("who am I?").answer == "You are Ann."
    own.stop()
    again = Server(tmp_path / "again", config=model.config())
    restore(file, again.state)
    assert sqlite3.connect(again.state / "state.db").execute("PRAGMA user_version").fetchone() == (2,)
    try:
        again.start()
        assert again.shown(house.session) == shown
    finally:
        again.stop()


def test_a_folder_of_a_newer_format_is_left_alone(own):
    own.terminate()
    database = own.state / "state.db"
    with sqlite3.connect(database) as newer:
        newer.execute("PRAGMA journal_mode = DELETE")
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = database.read_bytes()
    for verb in (("serve", "--port", "0"), ("backup", own.folder / "x.tar")):
        done = run(*verb, "--state", own.state)
        assert done.returncode == 1 and "has format 99, this binary knows formats up to" in done.stderr, done.stderr
    assert database.read_bytes() == before
    assert not (own.folder / "x.tar").exists() and not (own.folder / "x.tar.part").exists()
