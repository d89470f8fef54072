"""One person's client. Every response and every event that reaches it is held against the document."""

import uuid

import requests

from contract import Broken, server_sent_events

PATIENCE = 15  # seconds without a byte, then the test fails


class Seat:
    """`seen` gathers `(operation, status)`, `kinds` the types of events; seats of one test may share them."""

    def __init__(self, server, contract, person=None, seen=None, kinds=None):
        self.server, self.contract = server, contract
        self.seen = set() if seen is None else seen
        self.kinds = set() if kinds is None else kinds
        self.session = requests.Session()
        if person:
            token = self.post("/dev/sign-in", {"person": person}).json()["token"]
            self.session.cookies.clear()  # the header alone; who wants the cookie keeps it
            self.session.headers["Authorization"] = f"Bearer {token}"

    def beside(self, person=None):
        return Seat(self.server, self.contract, person, self.seen, self.kinds)

    def get(self, path, **options):
        return self._request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self._request("POST", path, json=body, **options)

    def _request(self, method, path, meant=None, **options):
        """`meant`: the operation whose address it is, for a method that is none of the document's."""
        response = self.session.request(method, self.server.origin + path, timeout=PATIENCE, **options)
        operation = meant or self.contract.operation_at(method, path.split("?")[0])
        if not options.get("stream"):
            self.contract.check(operation, response.status_code, response.headers, response.content)
        self.seen.add((operation, response.status_code))
        return response

    def request(self, method, path, **options):
        return self._request(method, path, **options)

    def problem(self, method, path, **options):
        """The code of a problem, after the document has agreed to the response."""
        response = self._request(method, path, **options)
        assert response.status_code >= 400, f"{method} {path}: {response.status_code}"
        assert response.json()["status"] == response.status_code
        return response.status_code, response.json()["code"]

    def ask(self, case, message, **headers):
        body = {"message": message, "client_message_id": str(uuid.uuid4())}
        return self.post(f"/api/v1/cases/{case}/chat", body, headers=headers)

    def ask_and_go_on(self, case, message):
        """The id of the reply that is being written now."""
        return self.ask(case, message, Prefer="respond-async").json()["reply"]["id"]

    def stream(self, path, **options):
        return Stream(self, path, options)


class Stream:
    """Open while its block runs. `until` reads on to an event of a kind and gives it."""

    def __init__(self, seat, path, options):
        self.seat = seat
        self.operation = seat.contract.operation_at("GET", path.split("?")[0])
        self.response = seat.get(path, stream=True, **options)
        assert self.response.status_code == 200, self.response.text
        # The head alone is checked here; the events are as they come.
        seat.contract.check(self.operation, 200, self.response.headers, b"")
        self.events = self._read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()

    def until(self, kind, **fields):
        for event, data in self.events:
            if event["event"] == kind and all(data[name] == value for name, value in fields.items()):
                return event, data
        raise Broken(f"{self.operation}: the stream ended before {kind}")

    def _read(self):
        rest = b""
        for chunk in self.response.iter_content(None):
            rest += chunk
            complete, mark, rest = rest.rpartition(b"\n\n")
            for event in server_sent_events(complete + mark):
                data = self.seat.contract.check_event(self.operation, event)
                self.seat.kinds.add(event["event"])
                yield event, data
