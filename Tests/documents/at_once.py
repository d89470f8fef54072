"""Twenty documents at once into one server, and what a conversation feels of it: figures for docs/guides/testing.md.

    .venv/bin/python Tests/documents/at_once.py [FILES [MEGABYTES]]       CURAWAY_BINARY=… for a release

First files of 20 MB, all sent at once in forms: the load of taking them in (they are refused for their pages). Then as many scans of
the corpus (`scripts/corpus .build/corpus`), sent at once and read by the real tools: the load of reading. All the time a patient asks
and asks. Prints the server's own memory at its highest (VmHWM), that of its tools together, and the time to a whole answer.
"""

import pathlib
import statistics
import sys
import threading
import time
import uuid

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/contract"))
from server import Server  # noqa: E402

SCANS = ["scan.pdf", "photo-exif-6-gps.jpg", "photo-in-shadow.jpg", "arabic-scan.png"]
PATIENCE = 900  # seconds until reading twenty scans is given up


def memory(process, name):
    """MiB; nought when the process has ended meanwhile."""
    try:
        with open(f"/proc/{process}/status") as status:
            return next((int(line.split()[1]) // 1024 for line in status if line.startswith(name)), 0)
    except OSError:
        return 0


def descendants(process):
    """Each tool is a session of its own, so parents are looked for, not groups."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, look = [], [process]
    while look:
        look = [child for one in look for child in children.get(one, [])]
        found += look
    return found


class Conversation:
    """A patient who asks, and asks again as soon as she is answered, until told to stop."""

    def __init__(self, origin, headers):
        self.origin, self.headers = origin, headers
        self.case = requests.post(f"{origin}/api/v1/cases", json={}, headers=headers, timeout=10).json()["id"]

    def ask(self):
        began = time.monotonic()
        answer = requests.post(
            f"{self.origin}/api/v1/cases/{self.case}/chat",
            json={"message": "How long would I stay?", "client_message_id": str(uuid.uuid4())},
            headers=self.headers, timeout=60)
        answer.raise_for_status()
        return (time.monotonic() - began) * 1000

    def while_(self, goes_on):
        times = []
        while goes_on():
            times.append(self.ask())
        ordered = sorted(times)
        return (f"answers: median {statistics.median(ordered):.0f} ms, 95 % {ordered[len(ordered) * 95 // 100]:.0f} ms, "
                f"slowest {ordered[-1]:.0f} ms of {len(ordered)}")


def at_once(send, count):
    threads = [threading.Thread(target=send, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return lambda: any(thread.is_alive() for thread in threads)


def main(files=20, megabytes=20):
    with Server(GUIDE_PACE_MS=1, MESSAGES_PER_MINUTE=1_000_000, UPLOADS_AT_ONCE=1_000) as server:
        origin, process = server.origin, server._process.pid
        token = requests.post(f"{origin}/dev/sign-in", json={"person": "amina"}, timeout=10).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        documents = f"{origin}/api/v1/patients/amina/documents"
        case = requests.post(f"{origin}/api/v1/cases", json={}, headers=headers, timeout=10).json()["id"]
        talk = Conversation(origin, headers)

        def give(name, body):
            answer = requests.post(
                documents, headers=headers, timeout=600, files={"case_id": (None, case), "file": (name, body)})
            answer.raise_for_status()

        def states():
            listed = requests.get(documents, headers=headers, timeout=30).json()["documents"]
            return sorted(document["stage"] for document in listed)

        def some_wait():
            return not all(stage in ("ready", "failed", "rejected") for stage in states())

        until = time.monotonic() + 5
        # Printed, here and below: the figures are what this is run for.
        print(f"quiet: {talk.while_(lambda: time.monotonic() < until)}; memory {memory(process, 'VmRSS')} MiB")

        def large(number):
            line = f"Haemoglobin 13.{number} g/dL of file {number}\n".encode()
            give(f"{number}.txt", (line * (megabytes * 1_000_000 // len(line) + 1))[: megabytes * 1_000_000])

        began = time.monotonic()
        said = talk.while_(at_once(large, files))
        # A figure of the report.
        print(f"{files} × {megabytes} MB sent in {time.monotonic() - began:.1f} s: {said}; "
              f"memory at most {memory(process, 'VmHWM')} MiB")
        while some_wait():
            time.sleep(0.2)

        corpus = ROOT / ".build/corpus"
        if not (corpus / SCANS[0]).exists():
            sys.exit("no corpus: scripts/corpus .build/corpus makes it")
        most = 0
        over = threading.Event()

        def watch():
            nonlocal most
            while not over.wait(0.1):
                most = max(most, sum(memory(child, "VmRSS") for child in descendants(process)))

        def scan(number):
            name = SCANS[number % len(SCANS)]
            # Bytes of its own, or it would be the same document.
            give(name, (corpus / name).read_bytes() + b"\n%" + str(number).encode())

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            began = time.monotonic()
            sending = at_once(scan, files)
            said = talk.while_(lambda: time.monotonic() - began < PATIENCE and (sending() or some_wait()))
        finally:
            over.set()
            watching.join()
        seconds, ended = time.monotonic() - began, states()
        counted = ", ".join(f"{ended.count(stage)} {stage}" for stage in dict.fromkeys(ended))
        # A figure of the report.
        print(f"{files} scans read in {seconds:.0f} s ({counted}): {said}; memory at most {memory(process, 'VmHWM')} MiB, "
              f"its tools together at most {most} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
