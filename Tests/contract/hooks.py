"""What schemathesis cannot know: which cases and replies exist, and that every field has to be named.

Half of the requests that are good get the ids of real things; the other half, and all that are bad, keep what was
made up. Which half a request belongs to follows from its content, so that a run can be repeated by its seed. Of an operation
that was not answered with success yet every good request gets them: by chance alone some seed would leave one out.
"""

import atexit
import collections
import itertools
import json
import os
import threading
import time
import uuid
import zlib

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

from contract import Contract
from papers import metadata, paper

ORIGIN = os.environ["CONTRACT_ORIGIN"]
CONTRACT = Contract()
PEOPLE = itertools.cycle(["amina", "tom"])
TALLY = collections.Counter()
MADE_REAL = set()
lock = threading.Lock()


@schemathesis.serializer("application/offset+octet-stream")
def piece(context, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


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
        self.made = 0
        self.ready = None

    def new_case(self):
        return self.post("/api/v1/cases", {})["id"]

    def running_reply(self):
        case = self.new_case()
        question = {"message": "How long would I stay?", "client_message_id": str(uuid.uuid4())}
        answer = self.post(f"/api/v1/cases/{case}/chat", question, Prefer="respond-async")
        return {"id": case, "reply": answer["reply"]["id"]}

    def stopped_reply(self):
        """On a busy machine an answer can be over before its stop comes; then it has nothing to retry."""
        for _ in range(20):
            ids = self.running_reply()
            answer = self.post(f"/api/v1/cases/{ids['id']}/replies/{ids['reply']}/stop")
            if answer["reply"]["state"] == "stopped":
                return ids
        raise RuntimeError("no answer could be stopped before it was over")

    def new_document(self, word="Haemoglobin"):
        self.made += 1
        words = f"{word}: 13.{self.made} g/dL (13.0-17.0)\n"
        case = next(self.cases)
        form = {"case_id": (None, case), "file": (f"{self.made}.txt", words.encode(), "text/plain")}
        answer = requests.post(
            f"{ORIGIN}/api/v1/patients/amina/documents", files=form, headers=self.headers, timeout=10)
        answer.raise_for_status()
        return {"patient": "amina", "document": answer.json()["id"]}

    def read_document(self):
        """One whose page has a picture and that is ready; made once."""
        if self.ready is None:
            pdf = paper("Haemoglobin 13.2 g/dL")
            form = {"case_id": (None, next(self.cases)), "file": ("report.pdf", pdf, "application/pdf")}
            answer = requests.post(
                f"{ORIGIN}/api/v1/patients/amina/documents", files=form, headers=self.headers, timeout=10)
            answer.raise_for_status()
            document = answer.json()["id"]
            self.wait_for(document, "ready")
            self.ready = {"patient": "amina", "document": document}
        return self.ready

    def failed_document(self):
        """The scanner of the tests breaks off over this word (clamd.py)."""
        made = self.new_document("BREAKS-OFF")
        self.wait_for(made["document"], "failed")
        return made

    def wait_for(self, document, stage):
        for _ in range(600):
            address = f"{ORIGIN}/api/v1/patients/amina/documents/{document}"
            if requests.get(address, headers=self.headers, timeout=10).json()["document"]["stage"] == stage:
                return
            time.sleep(0.1)
        raise RuntimeError(f"the document is not {stage}")

    def new_upload(self):
        headers = self.headers | {
            "Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Metadata": metadata(next(self.cases))}
        answer = requests.post(f"{ORIGIN}/api/v1/patients/amina/uploads", headers=headers, timeout=10)
        answer.raise_for_status()
        return {"patient": "amina", "upload": answer.headers["Location"].rsplit("/", 1)[1]}

    def accepted_case(self):
        case = self.new_case()
        PRIYA.post(f"/api/v1/cases/{case}/accept")
        return {"id": case}


PRIYA = Seat("priya")
AMINA = Amina()


def belongs_to_the_real_half(case):
    operation = case.operation.definition.raw["operationId"]
    content = repr((case.path_parameters, case.query, dict(case.headers or {}), case.body))
    digest = zlib.crc32(content.encode(errors="surrogatepass"))
    is_good = not any(map(case.meta.is_negative_at, ParameterLocation))
    if is_good and not any(reached == operation and 200 <= status < 300 for reached, status in TALLY):
        MADE_REAL.add((operation, digest))  # the same again when schemathesis repeats it
    return digest % 2 == 0 or (operation, digest) in MADE_REAL


@schemathesis.hook
def before_call(context, case, kwargs):
    meta = case.meta
    if meta is None or meta.phase.name.value == "stateful":
        return  # links bring their own ids
    is_bad_at = meta.is_negative_at
    operation = case.operation.definition.raw["operationId"]
    if any(name.lower().startswith("x-schemathesis-unknown") for name in case.headers or {}):
        # A header that nobody knows is ignored (RFC 9110 §5.1): of a real thing it would rightly be answered, and schemathesis
        # remembers ids that it has been told.
        if "patient" in (case.path_parameters or {}):
            case.path_parameters = case.path_parameters | {"patient": "nobody"}
        return
    # Made up, hardly any of these is right; so every good one gets what is real.
    is_seldom_right = operation in ("addDocument", "beginUpload") and not any(map(is_bad_at, ParameterLocation))
    if not is_seldom_right and not belongs_to_the_real_half(case):
        return
    if operation == "signIn" and not is_bad_at(ParameterLocation.BODY):
        case.body = case.body | {"person": next(PEOPLE)}
    if case.path_parameters and not is_bad_at(ParameterLocation.PATH):
        with lock:
            match operation:
                case "stopReply": real = AMINA.running_reply()
                case "retryReply": real = AMINA.stopped_reply()
                case "acceptCase": real = {"id": AMINA.new_case()}
                case "releaseCase": real = AMINA.accepted_case()
                case "getDocument" | "getDocumentText" | "getDocumentPage" | "getDocumentFile":
                    real = AMINA.read_document() | ({"page": 1} if operation == "getDocumentPage" else {})
                case "deleteDocument": real = AMINA.new_document()
                case "retryDocument": real = AMINA.failed_document()
                case "getUploadOffset" | "appendToUpload" | "cancelUpload": real = AMINA.new_upload()
                case _ if "patient" in case.path_parameters: real = {"patient": "amina"}
                case _: real = {"id": next(AMINA.cases)}
        case.path_parameters = case.path_parameters | real
        headers = dict(case.headers or {})
        if operation == "addDocument" and not is_bad_at(ParameterLocation.BODY):
            case.body = {"case_id": next(AMINA.cases), "file": "Ferritin"}
        if operation == "beginUpload" and not is_bad_at(ParameterLocation.HEADER):
            case.headers = headers | {"Upload-Metadata": metadata(next(AMINA.cases))}
        if operation == "appendToUpload" and not is_bad_at(ParameterLocation.HEADER):
            case.headers = headers | {"Upload-Offset": "0"}
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
