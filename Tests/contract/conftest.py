import os
import pathlib
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import pytest

from contract import Contract


@pytest.fixture(scope="session")
def contract():
    return Contract()


@pytest.fixture(scope="session")
def seed():
    return int(os.environ.get("CONTRACT_SEED") or random.randrange(1 << 32))


def pytest_report_header():
    return "CONTRACT_SEED=<number> repeats a run; the failing one prints it"
