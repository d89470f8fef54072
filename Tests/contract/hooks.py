"""What schemathesis cannot know: which cases and replies exist, and that every field has to be named.

Half of the requests that are good get the ids of real things; the other half, and all that are bad, keep what was
made up. Which half a request belongs to follows from its content, so that a run can be repeated by its seed.
"""

import atexit
import collections
import itertools
import json
import os
import threading
import uuid
import zlib

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

from contract import Contract

ORIGIN = os.environ["CONTRACT_ORIGIN"]
CONTRACT = Contract()
PEOPLE = itertools.cycle(["amina", "tom"])
TALLY = collections.Counter()
lock = threading.Lock()


class Seat:
    def __init__(self, person):
        answer = requests.post(f"{ORIGIN}/dev/sign-in", json={"person": person}, timeout=10)
        self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}

    def post(self, path, body=None, **headers):
        answer = requests.post(ORIGIN + path, json=body, headers=self.headers | headers, timeout=10)
        answer.raise_for_status()
        return answer.json()


class Amina(Seat):
    """Makes what the requests are about, through the same doors as everybody."""

    def __init__(self):
        super().__init__("amina")
        self.cases = itertools.cycle([self.new_case() for _ in range(3)])

    def new_case(self):
        return self.post("/api/v1/cases", {})["id"]

    def running_reply(self):
        case = self.new_case()
        question = {"message": "How long would I stay?", "client_message_id": str(uuid.uuid4())}
        answer = self.post(f"/api/v1/cases/{case}/chat", question, Prefer="respond-async")
        return {"id": case, "reply": answer["reply"]["id"]}

    def stopped_reply(self):
        ids = self.running_reply()
        self.post(f"/api/v1/cases/{ids['id']}/replies/{ids['reply']}/stop")
        return ids


    def accepted_case(self):
        case = self.new_case()
        PRIYA.post(f"/api/v1/cases/{case}/accept")
        return {"id": case}


PRIYA = Seat("priya")
AMINA = Amina()


def belongs_to_the_real_half(case):
    content = repr((case.path_parameters, case.query, dict(case.headers or {}), case.body))
    return zlib.crc32(content.encode(errors="surrogatepass")) % 2 == 0


@schemathesis.hook
def before_call(context, case, kwargs):
    meta = case.meta
    if meta is None or meta.phase.name.value == "stateful":
        return  # links bring their own ids
    is_bad_at = meta.is_negative_at
    if not belongs_to_the_real_half(case):
        return
    operation = case.operation.definition.raw["operationId"]
    if operation == "signIn" and not is_bad_at(ParameterLocation.BODY):
        case.body = case.body | {"person": next(PEOPLE)}
    if case.path_parameters and not is_bad_at(ParameterLocation.PATH):
        with lock:
            match operation:
                case "stopReply": real = AMINA.running_reply()
                case "retryReply": real = AMINA.stopped_reply()
                case "acceptCase": real = {"id": AMINA.new_case()}
                case "releaseCase": real = AMINA.accepted_case()
                case _: real = {"id": next(AMINA.cases)}
        case.path_parameters = case.path_parameters | real
        if operation in ("acceptCase", "releaseCase") and is_signed_in(case):
            case.headers = dict(case.headers or {}) | PRIYA.headers  # a coordinator's to do


def is_signed_in(case):
    """Whether it is asked as somebody we know; what tries to get in without must stay as it is."""
    headers = {name.lower(): value for name, value in (case.headers or {}).items()}
    if "authorization" not in headers or case.cookies:
        return False
    return requests.get(f"{ORIGIN}/api/v1/me", headers={"Authorization": headers["authorization"]}, timeout=10).ok


@schemathesis.hook
def after_call(context, case, response):
    if response.request.method == case.operation.method.upper():
        with lock:
            TALLY[case.operation.definition.raw["operationId"], response.status_code] += 1


@schemathesis.check
def names_every_field(ctx, response, case):
    """No field and no event that the document does not name."""
    if response.request.method == case.operation.method.upper():
        headers = requests.structures.CaseInsensitiveDict(
            {name: values[0] for name, values in response.headers.items()})
        CONTRACT.check(case.operation.definition.raw["operationId"], response.status_code, headers, response.content)


@atexit.register
def report():
    with open(os.environ["CONTRACT_TALLY"], "w") as file:
        json.dump([[operation, status, count] for (operation, status), count in sorted(TALLY.items())], file)
