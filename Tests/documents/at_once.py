"""Twenty files of 20 MB at once into one server, and what a conversation feels of it: two figures for docs/guides/testing.md.

    .venv/bin/python Tests/documents/at_once.py [FILES [MEGABYTES]]       CURAWAY_BINARY=… for a release

Each file is a text of its own kind of bytes, sent in a form; while they come and while they are read, a patient asks and asks.
Prints the server's memory (VmHWM) before and after, and the time to an answer's first word and to its end, quiet and during.
"""

import pathlib
import statistics
import sys
import threading
import time
import uuid

import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "contract"))
from server import Server  # noqa: E402


def memory(process, name):
    with open(f"/proc/{process.pid}/status") as status:
        return int(next(line for line in status if line.startswith(name)).split()[1]) // 1024


def ask(origin, headers, case):
    began = time.monotonic()
    answer = requests.post(
        f"{origin}/api/v1/cases/{case}/chat", json={"message": "How long would I stay?", "client_message_id": str(uuid.uuid4())},
        headers=headers, timeout=60)
    answer.raise_for_status()
    return (time.monotonic() - began) * 1000


def summary(times):
    ordered = sorted(times)
    return f"median {statistics.median(ordered):.0f} ms, slowest {ordered[-1]:.0f} ms of {len(ordered)} answers"


def main(files=20, megabytes=20):
    with Server(GUIDE_PACE_MS=1, MESSAGES_PER_MINUTE=1_000_000, UPLOADS_AT_ONCE=1_000) as server:
        origin = server.origin
        token = requests.post(f"{origin}/dev/sign-in", json={"person": "amina"}, timeout=10).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        case = requests.post(f"{origin}/api/v1/cases", json={}, headers=headers, timeout=10).json()["id"]
        chat = requests.post(f"{origin}/api/v1/cases", json={}, headers=headers, timeout=10).json()["id"]
        quiet = [ask(origin, headers, chat) for _ in range(30)]
        print(f"quiet: {summary(quiet)}; memory {memory(server._process, 'VmRSS')} MiB")

        def send(number):
            line = f"Haemoglobin 13.{number} g/dL of file {number}\n".encode()
            body = (line * (megabytes * 1_000_000 // len(line) + 1))[: megabytes * 1_000_000]
            answer = requests.post(
                f"{origin}/api/v1/patients/amina/documents", headers=headers, timeout=600,
                files={"case_id": (None, case), "file": (f"{number}.txt", body)})
            answer.raise_for_status()

        threads = [threading.Thread(target=send, args=(number,)) for number in range(files)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        during = []
        while any(thread.is_alive() for thread in threads):
            during.append(ask(origin, headers, chat))
        print(f"{files} × {megabytes} MB sent in {time.monotonic() - began:.1f} s: {summary(during)}; "
              f"memory at most {memory(server._process, 'VmHWM')} MiB")
        reading = []
        while time.monotonic() - began < 300:
            reading.append(ask(origin, headers, chat))
            stages = [document["stage"] for document in requests.get(
                f"{origin}/api/v1/patients/amina/documents", headers=headers, timeout=30).json()["documents"]]
            if all(stage in ("ready", "failed", "rejected") for stage in stages):
                break
        print(f"read after {time.monotonic() - began:.1f} s ({', '.join(sorted(set(stages)))}): {summary(reading)}; "
              f"memory at most {memory(server._process, 'VmHWM')} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
