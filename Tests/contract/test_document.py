"""The document tried out on the real server by schemathesis: what it allows, forbids, and links to."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from contract import DOCUMENT
from clamd import Clamd
from server import Server

HERE = pathlib.Path(__file__).parent
RUN_SECONDS = 240  # usually a quarter of it


def test_every_operation_does_what_the_document_says(contract, seed):
    print(f"CONTRACT_SEED={seed}")
    with tempfile.TemporaryDirectory(prefix="curaway-contract-") as folder, Clamd() as clamd, Server(
        GUIDE_PACE_MS=20, WAIT_SECONDS=2, HEARTBEAT_SECONDS=1, MESSAGES_PER_MINUTE=1_000_000, MESSAGES_WAITING=100,
        STREAMS_PER_PERSON=10_000, CLAMD_ADDRESS=clamd.address, DOCUMENTS_PER_PATIENT=100_000, UPLOADS_AT_ONCE=1_000,
        CASES_PER_PATIENT=100_000,
    ) as server:
        tally = pathlib.Path(folder, "tally.json")
        environment = os.environ | {
            "CONTRACT_ORIGIN": server.origin, "CONTRACT_TALLY": str(tally),
            "CONTRACT_PEOPLE": str(HERE / "people.yaml"), "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        run = subprocess.run(
            [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "schemathesis.toml",
             "run", DOCUMENT, "--url", server.origin, "--seed", str(seed), "--no-color"],
            cwd=folder, env=environment, timeout=RUN_SECONDS, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        print(run.stdout)
        counts = json.loads(tally.read_text()) if tally.exists() else []
    print(table(contract, counts))
    assert run.returncode == 0, f"CONTRACT_SEED={seed} repeats it"
    reached = {operation for operation, status, _ in counts if 200 <= status < 300}
    assert reached == set(contract.operations), "not reached with success"


def table(contract, counts):
    rows = collections.defaultdict(list)
    for operation, status, count in counts:
        rows[operation].append(f"{status} ×{count}")
    return "\n".join(f"{operation:16} {'  '.join(rows[operation])}" for operation in contract.operations)
