"""A Curaway server of its own for one test: a fresh data folder, demonstration data, limits a test can live with."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 30  # then a server that does not answer is a failure
STOP_SECONDS = 10  # then it is killed


class Server:
    """`settings` are those of docs/operations/settings.md without their CURAWAY_."""

    def __init__(self, **settings):
        self._data = tempfile.TemporaryDirectory(prefix="curaway-contract-")
        self._output = tempfile.TemporaryFile()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.origin = f"http://127.0.0.1:{port}"
        binary = os.environ.get("CURAWAY_BINARY", ROOT / ".build/debug/curaway")
        # A developer's settings must not reach the server under test.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CURAWAY_")}
        environment |= {f"CURAWAY_{name}": str(value) for name, value in settings.items()}
        self._process = subprocess.Popen(
            [binary, "serve", "--port", str(port), "--data", self._data.name, "--demo",
             "--frontend", ROOT / "Frontend"],
            cwd=self._data.name, env=environment, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output)

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        try:
            while True:
                try:
                    if requests.get(f"{self.origin}/health", timeout=1).ok:
                        return self
                except requests.RequestException:
                    pass
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start:\n{self.output()}")
                time.sleep(0.05)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.ask_to_stop()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()
        self._data.cleanup()

    def ask_to_stop(self):
        self._process.send_signal(signal.SIGTERM)

    def output(self):
        self._output.seek(0)
        return self._output.read()[-16_384:].decode(errors="replace")

    def token(self, person):
        answer = requests.post(f"{self.origin}/dev/sign-in", json={"person": person}, timeout=10)
        answer.raise_for_status()
        return answer.json()["token"]
