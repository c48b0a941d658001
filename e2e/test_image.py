"""What is shipped: the image's content in an empty, read-only root as a user without rights, the systemd unit, the manual."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from support.agents import agent, function, refused, schema
from support.double import call, say
from support.ledger import BOOK
from support.server import ROOT, binary, clients, environment, run
from support.wait import until

NOBODY = 65532
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def instructions():
    """The last stage of the Dockerfile: (instruction, words)."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [line.split(None, 1) for line in lines[last + 1 :]]


def of(name):
    return [rest for word, rest in instructions() if word == name]


class Image:
    """A root with nothing in it but what the base has that we rely on (glibc, certificates, a user), and what the Dockerfile adds."""

    def __init__(self, folder):
        self.root, self.state = folder / "root", folder / "state"
        for path in ("proc", "dev", "tmp", "usr/bin", "etc/ssl/certs", "var/lib/bedplate", "etc/bedplate"):
            (self.root / path).mkdir(parents=True)
        self.state.mkdir()
        shutil.copy(binary(), self.root / "usr/bin/bedplate")
        for library in self.libraries():
            place = self.root / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        if os.path.exists(CERTIFICATES):
            shutil.copy(CERTIFICATES, self.root / CERTIFICATES.lstrip("/"))
        (self.root / "etc/passwd").write_text(f"nonroot:x:{NOBODY}:{NOBODY}:nonroot:/home/nonroot:/sbin/nologin\n")
        # Everything can be read by everybody, only the state written by its user.
        for path in [folder, *self.root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        if os.geteuid() == 0:
            os.chown(self.state, NOBODY, NOBODY)

    @staticmethod
    def libraries():
        """What the loader finds for the binary, and the loader. The base has the same: glibc and libgcc."""
        listed = subprocess.run(["ldd", binary()], capture_output=True, text=True, check=True).stdout
        return re.findall(r"(/\S+) \(0x", listed)

    def command(self, *words):
        variables = dict(pair.split("=", 1) for pair in of("ENV"))
        settings = [part for name, value in variables.items() for part in ("--setenv", name, value)]
        who = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs"] if os.geteuid() == 0 else []
        sandbox = ["bwrap", "--ro-bind", self.root, "/", "--bind", self.state, of("VOLUME")[0], "--proc", "/proc", "--dev", "/dev"]
        sandbox += ["--remount-ro", "/", "--unshare-user", "--unshare-ipc", "--unshare-uts", "--uid", NOBODY, "--gid", NOBODY]
        sandbox += ["--cap-drop", "ALL", "--die-with-parent", "--clearenv", *settings, "--chdir", of("WORKDIR")[0]]
        return [str(word) for word in [*who, *sandbox, *words]]

    def entry(self, *words):
        return self.command(*json.loads(of("ENTRYPOINT")[0]), *words)

    def run(self, *words):
        return subprocess.run(self.entry(*words), capture_output=True, text=True, timeout=60)


@pytest.fixture
def image():
    if not (shutil.which("bwrap") and shutil.which("setpriv") and shutil.which("ldd")):
        pytest.skip("an empty root needs bubblewrap, setpriv and ldd")
    # Not below pytest's folder, which only its owner enters.
    with tempfile.TemporaryDirectory(prefix="bedplate-image-") as folder:
        image = Image(pathlib.Path(folder))
        tried = image.run("--version")
        if "bwrap:" in tried.stderr:
            pytest.skip(tried.stderr)
        assert tried.returncode == 0, tried.stderr
        yield image


def test_the_image_serves_and_keeps_its_state(image, double, model):
    """Entry point, command, variables, volume and health check as the Dockerfile says, in a root that cannot be written."""
    (image.root / "etc/bedplate/bedplate.toml").write_text(double.config())
    started = json.loads(of("CMD")[0])
    before = sorted(image.root.rglob("*"))

    def start():
        (image.state / "server.json").unlink(missing_ok=True)
        process = subprocess.Popen(image.entry(*started, "--port", "0", "--without-keys"), stderr=subprocess.PIPE, text=True)
        until(lambda: process.poll() is not None or (image.state / "server.json").exists(), "a server")
        assert process.poll() is None, process.stderr.read()
        return process, json.loads((image.state / "server.json").read_text())["url"]

    process, url = start()
    try:
        check = json.loads(of("HEALTHCHECK")[0].split("CMD", 1)[1])
        assert check[-1].endswith(":7780"), "the port that is exposed"
        healthy = subprocess.run(image.command(*check[:-1], url), capture_output=True, text=True, timeout=5)
        assert healthy.returncode == 0, healthy.stderr
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{NOBODY if os.geteuid() == 0 else os.geteuid()}\t" in status

        server = type("Server", (), {})()
        make = clients(url)
        server.agents, server.runtime, server.functions = (make(name) for name in ("bedrock-agent", "bedrock-agent-runtime", "lambda"))
        house = agent(server, {"desk": ("RETURN_CONTROL", schema("ring"))})
        model.will(call("desk__ring"), say("They come."))
        asked = house.ask("ring")
        process.send_signal(signal.SIGKILL)
        process.wait()
        process, url = start()
        make = clients(url)
        server.agents, server.runtime = make("bedrock-agent"), make("bedrock-agent-runtime")
        answered = house.reply(asked.control, [{"actionGroup": "desk", "function": "ring", "responseBody": {"TEXT": {"body": "rung"}}}])
        assert answered.answer == "They come."
        backup = subprocess.run(image.entry("backup", "-"), capture_output=True, timeout=60)
        assert backup.returncode == 0 and backup.stdout.startswith(b"bedplate-backup.json"), backup.stderr
        # An interpreter is no part of this base: the error says so.
        server.functions = make("lambda")
        code, told, _ = refused(server.functions.invoke, FunctionName=function(server, BOOK), Payload=b"{}")
        assert code == "InvalidRuntimeException" and "install python3" in told
    finally:
        process.kill()
        process.wait()
    assert healthy.stdout.startswith("bedplate ")
    dead = subprocess.run(image.command(*check[:-1], url), capture_output=True, text=True, timeout=5)
    assert dead.returncode != 0, "a server that is gone is not healthy"
    assert sorted(image.root.rglob("*")) == before


def test_the_image_refuses_to_serve_everybody_by_accident(image):
    done = image.run(*json.loads(of("CMD")[0]))
    assert done.returncode == 1 and "--without-keys" in done.stderr


def test_the_dockerfile_keeps_its_promises():
    text = (ROOT / "Dockerfile").read_text()
    assert "ARG BASE=gcr.io/distroless/cc-debian12:nonroot" in text
    assert of("USER") == [f"{NOBODY}:{NOBODY}"] and of("STOPSIGNAL") == ["SIGTERM"]
    assert dict(pair.split("=", 1) for pair in of("ENV"))["BEDPLATE_STATE"] == of("VOLUME")[0]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"target", ".git"} <= set(ignored)
    channel = re.search(r'channel = "([\d.]+?)(\.0)?"', (ROOT / "rust-toolchain.toml").read_text())[1]
    assert f"ARG RUST={channel}\n" in text, "the toolchain of the repository"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_unit(tmp_path):
    text = (ROOT / "packaging/bedplate.service").read_text()
    unit = tmp_path / "bedplate.service"
    unit.write_text(text.replace("/usr/bin/bedplate", binary()))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "bedplate.service" in line]
    assert done.returncode == 0 and not ours, done.stderr
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=40", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True)
    if "Unknown" not in done.stderr and "unrecognized" not in done.stderr:
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_supervisor_is_told_when_it_is_ready_and_when_it_ends(new_server, tmp_path, kind):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening, tempfile.TemporaryDirectory() as short:
        name = f"{short}/notify" if kind == "path" else f"\0bedplate-{os.getpid()}"
        listening.bind(name)
        listening.settimeout(30)
        server = new_server("serve", variables={"NOTIFY_SOCKET": name.replace("\0", "@")}).start()
        assert listening.recv(100) == b"READY=1"
        server.process.send_signal(signal.SIGTERM)
        assert listening.recv(100) == b"STOPPING=1"
        assert server.process.wait(40) == 0


def test_twelve_verbs_at_most_are_listed_and_all_are_documented(tmp_path):
    said = run("-h")
    assert said.returncode == 0
    listed = re.search(r"Commands:\n(.*?)\n\n", said.stdout, re.S)[1]
    verbs = [line.split()[0] for line in listed.splitlines() if re.match(r"  \w", line)]
    assert len([verb for verb in verbs if verb != "help"]) <= 12, verbs
    assert {"backup", "restore"} <= set(verbs)
    done = run("man", tmp_path / "man")
    assert done.returncode == 0, done.stderr
    pages = {path.name for path in (tmp_path / "man").iterdir()}
    more = re.findall(r"^  (\w+)(?: \w+)?  ", said.stdout.split("More:")[1], re.M)
    assert {f"bedplate-{verb}.1" for verb in [*verbs, *more] if verb != "help"} <= pages
    assert "bedplate.1" in pages and "bedplate-session-show.1" in pages
    if shutil.which("man"):
        for page in sorted(pages):
            shown = subprocess.run(
                ["man", "--warnings", "-l", str(tmp_path / "man" / page)], capture_output=True, text=True, env=environment(LC_ALL="C.UTF-8")
            )
            assert shown.returncode == 0 and not shown.stderr, shown.stderr


def test_completions_load_in_a_shell(tmp_path):
    for shell, check in (("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish -n")):
        said = run("completions", shell)
        assert said.returncode == 0 and "restore" in said.stdout
        file = tmp_path / shell
        file.write_text(said.stdout)
        if shutil.which(shell):
            subprocess.run([*shlex.split(check), str(file)], check=True)
