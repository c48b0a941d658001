"""A soak: people work at half of what the server and they can do together, and every minute the server is killed with -9.

    cargo build --release -p bedplate && python e2e/soak.py --minutes 30

At the end the state is held against what everybody was told, as in the siege: nothing accepted is lost, nothing is done twice without its
key. Memory is read at the end of every life: what a server needs must not grow with what was done before. Prints a line a minute and, at
the end, one JSON line; exit code 1 when something does not fit.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

from support.crash import BROKEN
from support.siege.clients import Builder, Talker, last_turns
from support.siege.findings import compare
from support.siege.house import House

TALKERS = 6
# Seconds at full speed, to know what half of it is.
CALIBRATION = 15
# Lives at the beginning and at the end whose memory is compared.
LIVES = 5


class Paced(Talker):
    """Waits after every turn, so that all of them together do half of what they could."""

    def turn(self, session, number, plan):
        super().turn(session, number, plan)
        time.sleep(self.house.pause)


class PacedBuilder(Builder):
    """Keeps under the quota of agents of an account."""

    def work(self):
        super().work()
        time.sleep(1)


class Soak(House):
    def __init__(self, folder):
        super().__init__(folder, seed=1)
        self.pause = 0.0

    def count(self):
        return sum(1 for talker in self.talkers for turn in list(talker.turns.values()) if turn["answer"] is not None)

    def memory(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def soak(self, minutes):
        self.talkers = [Paced(self, f"s{number}", f"soak{number}", retries=number % 2 == 1) for number in range(TALKERS)]
        self.builder = PacedBuilder(self, "agent", 1)
        self.may_work.set()
        time.sleep(CALIBRATION)
        full = self.count() / CALIBRATION
        # Half the speed: as much time between turns as a turn takes.
        self.pause = TALKERS / max(full, 0.1)
        lives = []
        for minute in range(minutes):
            before, began = self.count(), time.monotonic()
            time.sleep(55)
            memory, done = self.memory(), self.count() - before
            rate = done / (time.monotonic() - began)
            with self.lock:
                self.ready.clear()
                os.kill(self.server.process.pid, signal.SIGKILL)
                self.dead.set()
            self.server.process.wait(10)
            self.dead.clear()
            died = time.monotonic()
            self.server.start()
            back = time.monotonic() - died
            self.ready.set()
            lives.append({"memory": memory, "turns": done, "back": back})
            print(f"minute {minute + 1}: {rate:.1f} turns/s, {memory:.0f} MiB, back after {back:.2f} s, {len(self.findings)} findings", flush=True)
            time.sleep(max(0.0, 60 - (time.monotonic() - began)))
        self.over.set()
        for worker in (*self.talkers, self.builder):
            worker.thread.join(120)
            if worker.thread.is_alive():
                self.find(f"client {worker.name} waits for ever; open: {dict(self.trap.open)}")
        total = self.count()
        self.pause = 0.0
        try:
            last_turns(self, self.talkers)
            self.findings += compare(self)
        except BROKEN as error:
            self.find(f"the end was told {error!r}")
        first = statistics.median(life["memory"] for life in lives[:LIVES])
        last = statistics.median(life["memory"] for life in lives[-LIVES:])
        if last > first * 1.25 + 8:
            self.find(f"memory grew from {first:.0f} to {last:.0f} MiB")
        disk = sum(file.stat().st_size for file in self.server.state.rglob("*") if file.is_file()) / 2**20
        return {
            "minutes": minutes,
            "kills": len(lives),
            "turns": total,
            "turns_a_second_full": round(full, 1),
            "effects": len(self.ledger.receipts),
            "memory_first_mib": round(first),
            "memory_last_mib": round(last),
            "back_after_s_median": round(statistics.median(life["back"] for life in lives), 2),
            "back_after_s_most": round(max(life["back"] for life in lives), 2),
            "disk_mib": round(disk),
            "kinds_of_findings": collections.Counter(" ".join(finding.split()[:3]) for finding in self.findings).most_common(20),
            "findings": self.findings[:20],
        }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=int, default=30)
    minutes = arguments.parse_args().minutes
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bedplate-soak-"))
    soak = Soak(folder)
    try:
        result = soak.soak(minutes)
    finally:
        soak.server.stop()
    print(json.dumps(result))
    if not result["findings"]:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if result["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
