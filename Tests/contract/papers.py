"""Papers for the tests of the contract, and what a client does with them."""

import base64
import time


def metadata(case):
    return "case_id " + base64.b64encode(case.encode()).decode()


def paper(text):
    """The smallest PDF with a line of text, by hand (ISO 32000-1 §7.5)."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        table, len(made))


def form(case, words, name="report.txt"):
    return {"case_id": (None, case), "file": (name, words if isinstance(words, bytes) else words.encode(), "text/plain")}


def until_over(amina, address):
    for _ in range(300):
        document = amina.get(address).json()["document"]
        if document["stage"] in ("ready", "failed", "rejected"):
            return document
        time.sleep(0.1)
    raise AssertionError("its reading has no end")


def papers_are_given_read_and_forgotten(amina, case):
    patient = "/api/v1/patients/amina"
    documents = f"{patient}/documents"
    before = amina.get(documents).json()["cursor"]
    given = amina.post(documents, files=form(case, paper("Haemoglobin: 13.2 g/dL"), "labor.pdf"))
    again = amina.post(documents, files=form(case, paper("Haemoglobin: 13.2 g/dL"), "labor.pdf"))
    assert (given.status_code, again.status_code) == (201, 200)
    address = given.headers["Location"]
    with amina.stream(f"{documents}/stream?cursor={before}") as stream:
        for stage in ("received", "scanned", "reading", "extracting", "ready"):
            stream.until("document", stage=stage)
    ready = until_over(amina, address)
    assert ready["media_type"] == "application/pdf" and ready["virus_scanned"]
    items = amina.get(address).json()["extraction"]["items"]
    assert [(item["value"], item["unit"], item["page"]) for item in items] == [("13.2", "g/dL", 1)]
    assert [page["text"] for page in amina.get(f"{address}?text=none").json()["pages"]] == [None]
    assert amina.problem("GET", f"{address}?text=all") == (400, "invalid_field")
    assert amina.get(documents).json()["documents"][0]["id"] == ready["id"]
    assert amina.get(f"{documents}/search?q=haemoglobin").json()["results"][0]["document_id"] == ready["id"]
    assert "13.2" in amina.get(f"{address}/text").text
    assert amina.get(f"{address}/pages/1").content[:2] == b"\xff\xd8"
    assert amina.get(f"{address}/file").content == paper("Haemoglobin: 13.2 g/dL")
    for path in ("pages/1", "file"):
        part = amina.get(f"{address}/{path}", headers={"Range": "bytes=0-3"})
        assert part.status_code == 206 and len(part.content) == 4
    assert amina.problem("POST", f"{address}/retry") == (409, "document_not_failed")

    broken = amina.post(documents, files=form(case, "BREAKS-OFF")).headers["Location"]
    assert until_over(amina, broken)["code"] == "scanner_unavailable"
    assert amina.problem("GET", f"{broken}/file") == (409, "document_not_checked")
    assert amina.post(f"{broken}/retry").json()["stage"] == "received"
    assert amina.request("DELETE", broken).status_code == 204

    version = {"Tus-Resumable": "1.0.0"}
    assert amina.request("OPTIONS", f"{patient}/uploads").headers["Tus-Version"] == "1.0.0"
    announced = version | {"Upload-Length": "10", "Upload-Metadata": metadata(case)}
    piece = version | {"Content-Type": "application/offset+octet-stream"}
    upload = amina.post(f"{patient}/uploads", headers=announced).headers["Location"]
    half = amina.request("PATCH", upload, data=b"12345", headers=piece | {"Upload-Offset": "0"})
    assert half.headers["Upload-Offset"] == "5"
    assert amina.request("HEAD", upload, headers=version).headers["Upload-Offset"] == "5"
    wrong = piece | {"Upload-Offset": "0"}
    assert amina.problem("PATCH", upload, data=b"1", headers=wrong) == (409, "wrong_offset")
    assert amina.problem("PATCH", upload, data=b"1", headers={}) == (412, "tus_version")
    assert amina.request("DELETE", upload, headers=version).status_code == 204
    assert amina.problem("POST", documents, data=b"x", headers={"Content-Type": "text/plain"}) == (415, "not_a_form")
    assert amina.problem("POST", documents, files=form(case, "")) == (422, "document_empty")
