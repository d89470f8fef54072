"""Makes the papers that the tests of document reading read, and corpus.json, which says what is expected of each.

    make_corpus.py FOLDER         run by scripts/corpus, which sees to the tools

An entry: file, expect (ready, rejected, or any: either, so long as the server lives), code of a rejection, media_type, pages,
text of each page, mode of the first page and modes of all (embedded, recognised), least character accuracy (accuracy.py) of the
whole, kind of the extraction. What is not known or does not matter is null.

Same tools, same bytes: whatever is random has a seed. Only the passwords of encrypted.pdf are salted by qpdf anew.
"""

import concurrent.futures
import hashlib
import io
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib

from PIL import Image, ImageChops, ImageDraw, ImageFilter

import contents

HERE = pathlib.Path(__file__).resolve().parent
DPI = 200
PDF, JPEG, PNG, TIFF, HEIC, WEBP, TEXT = (
    "application/pdf", "image/jpeg", "image/png", "image/tiff", "image/heic", "image/webp", "text/plain")
Image.MAX_IMAGE_PIXELS = None  # our own pictures


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=80, **options)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}")
    return done.stdout


# Papers


def print_paper(pages, place):
    """A PDF of the pages by a browser."""
    source, profile = place.with_suffix(".html"), place.with_suffix(".profile")
    source.write_text(contents.paper(pages), "utf-8")
    run("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
        "--no-pdf-header-footer", f"--user-data-dir={profile}", f"--print-to-pdf={place}", source.as_uri())
    # The hour it was made, of the same length so that no place in the file moves.
    place.write_bytes(re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}", rb"\g<1>20260312154000", place.read_bytes()))
    found = re.search(rb"Pages:\s+(\d+)", run("pdfinfo", place))
    if not found or int(found[1]) != len(pages):
        sys.exit(f"{place.name} has another number of pages than {len(pages)}: a paper of contents.py is too long")


def sheet(pdf, page=1):
    """A page as a clean picture."""
    return Image.open(io.BytesIO(run("pdftoppm", "-r", DPI, "-f", page, "-l", page, "-png", pdf))).convert("RGB")


# What happens to paper


def grain(picture, strength, seed):
    """Noise of a sensor: the mean of three even ones is nearly normal."""
    size, source = picture.size, random.Random(seed)
    layers = [Image.frombytes("L", size, source.randbytes(size[0] * size[1])) for _ in range(3)]
    noise = Image.blend(Image.blend(layers[0], layers[1], 0.5), layers[2], 1 / 3)
    noise = noise.point(lambda value: 128 + (value - 128) * strength / 42)
    return ImageChops.add(picture, Image.merge("RGB", [noise] * 3), 1, -128)


def scanned(picture, seed, angle=0.8, strength=5):
    """From a flatbed: a little skewed, paper not quite white, dust, noise."""
    source = random.Random(seed)
    picture = picture.rotate(angle, Image.BICUBIC, fillcolor=(255, 255, 255))
    picture = ImageChops.multiply(picture, Image.new("RGB", picture.size, (248, 247, 243)))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y, grey = source.randrange(picture.width), source.randrange(picture.height), source.randrange(120, 210)
        draw.ellipse((x, y, x + source.randrange(1, 3), y + source.randrange(1, 3)), (grey,) * 3)
    return grain(picture.filter(ImageFilter.GaussianBlur(0.5)), strength, seed)


def lit(picture, light):
    """Multiplied by a light, a function of the place from 0 to 1 in both directions."""
    mask = Image.new("L", (45, 60))
    mask.putdata([round(255 * max(0, min(1, light(x / 44, y / 59)))) for y in range(60) for x in range(45)])
    mask = mask.resize(picture.size, Image.BICUBIC)
    return ImageChops.multiply(picture, Image.merge("RGB", [mask] * 3))


def perspective(corners, size):
    """The eight numbers by which the corners of a picture come to lie at the given places."""
    rows = []
    for (x, y), (u, v) in zip(corners, [(0, 0), (size[0], 0), size, (0, size[1])]):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for column in range(8):
        best = max(range(column, 8), key=lambda row: abs(rows[row][column]))
        rows[column], rows[best] = rows[best], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(8):
            if row != column:
                factor = rows[row][column]
                rows[row] = [value - factor * other for value, other in zip(rows[row], rows[column])]
    return [row[8] for row in rows]


def photographed(paper, seed, light=lambda x, y: 0.98 - 0.16 * x - 0.1 * y, width=2268, height=3024):
    """By a phone, on a wooden table, not quite from above, in the given light."""
    source = random.Random(seed)
    grainy = Image.frombytes("L", (width // 6, 30), source.randbytes(width // 6 * 30)).resize((width, height), Image.BICUBIC)
    table = Image.merge("RGB", [grainy.point(lambda value, base=base: base + value // 9) for base in (112, 78, 52)])
    near = [(130, 120), (width - 150, 95), (width - 85, height - 110), (75, height - 80)]
    corners = [(x + source.randrange(-25, 26), y + source.randrange(-25, 26)) for x, y in near]
    numbers = perspective(corners, paper.size)
    laid = paper.transform((width, height), Image.PERSPECTIVE, numbers, Image.BICUBIC)
    where = Image.new("L", paper.size, 255).transform((width, height), Image.PERSPECTIVE, numbers)
    shade = ImageChops.offset(where, 10, 14).filter(ImageFilter.GaussianBlur(12)).point(lambda value: 255 - value // 2)
    table = ImageChops.multiply(table, Image.merge("RGB", [shade] * 3))
    table.paste(laid, (0, 0), where)
    warm = Image.new("RGB", table.size, (250, 245, 234))
    return grain(lit(ImageChops.multiply(table, warm), light).filter(ImageFilter.GaussianBlur(0.8)), 6, seed)


def in_shadow(x, y):
    """A lamp from the right above, and the shadow of a hand with the phone over the left below."""
    lamp = 1.02 - 0.35 * (1 - x) - 0.22 * y
    edge = 0.62 - 0.55 * y + 0.08 * (1 if x > 0.3 else 0)
    depth = max(0, min(1, (edge + 0.25 - x) / 0.12))
    return lamp * (1 - 0.5 * depth)


def jpeg(picture, quality=85, **options):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def exif():
    """A phone's: lying on its side, and the place (of the open sea) where it was taken."""
    data = Image.Exif()
    data[0x0112] = 6  # to be turned clockwise by a quarter
    data[0x010F], data[0x0110] = "Phone", "Phone 12"
    data[0x0132] = "2026:03:12 18:04:11"
    data[0x8825] = {1: "S", 2: (48.0, 52.0, 31.8), 3: "W", 4: (123.0, 23.0, 33.1)}
    return data.tobytes()


# PDFs by hand


def pdf(objects):
    """Numbered from 1; the first is the catalogue. Each is bytes, or a dictionary's inside and a stream."""
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        if isinstance(body, tuple):
            body = b"<< %s /Length %d >>\nstream\n" % (body[0], len(body[1])) + body[1] + b"\nendstream"
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, start))


def pdf_of_picture(picture, quality=80):
    wide, high = picture.width * 72 / DPI, picture.height * 72 / DPI
    return pdf([
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Contents 4 0 R /Resources << /XObject << /P 5 0 R >> >> >>"
        % (wide, high), (b"", b"q %.2f 0 0 %.2f 0 0 cm /P Do Q" % (wide, high)),
        (b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
         % picture.size, jpeg(picture, quality)),
    ])


def pdf_of_content(content, box=(595, 842), filters=b""):
    return pdf([
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>" % box,
        (filters, content), b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ])


def empty_pages(count):
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)]
               + [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"] * count)


def packed_blanks(size):
    packer, block = zlib.compressobj(9), b" " * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


# Other kinds


def archive(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        for name, body in files.items():
            box.writestr(zipfile.ZipInfo(name, (2026, 3, 12, 15, 40, 0)), body)
    return out.getvalue()


def png(width, height, packed):
    """One bit for a pixel; the caller says what is packed."""
    def chunk(name, body):
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def packed_rows(width, height):
    packer, row = zlib.compressobj(9), b"\0" + b"\xff" * ((width + 7) // 8)
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


HTML = b"<!doctype html>\n<html><head><title>Report</title></head><body><script>alert(1)</script><p>Haemoglobin 11.2</p></body></html>\n"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><text y="30">Haemoglobin 11.2</text></svg>\n'
DOCX = {
    "[Content_Types].xml": '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
    'PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"'
    "/></Types>",
    "_rels/.rels": '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="a" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>',
    "word/document.xml": '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>Haemoglobin 11.2 g/dL</w:t></w:r></w:p></w:body></w:document>",
}


class Corpus:
    def __init__(self, folder):
        self.folder = folder
        self.entries = []

    def add(self, name, body, expect, code=None, media=None, papers=None, modes=None, least=None, kind=None, pages=None):
        (self.folder / name).write_bytes(body)
        text = [page if isinstance(page, str) else contents.text(page) for page in papers] if papers else None
        self.entries.append({
            "file": name, "expect": expect, "code": code, "media_type": media, "pages": len(text) if text else pages,
            "text": text, "mode": modes[0] if modes else None, "modes": modes, "least": least, "kind": kind})
        print(line(self.entries[-1], len(body)), flush=True)

    def written(self, name, body, papers, least, kind, media=PDF):
        self.add(name, body, "ready", media=media, papers=papers, modes=["embedded"] * len(papers), least=least, kind=kind)

    def seen(self, name, body, papers, least, kind, media):
        self.add(name, body, "ready", media=media, papers=papers, modes=["recognised"] * len(papers), least=least, kind=kind)

    def refused(self, name, body, code, media=None):
        self.add(name, body, "rejected", code, media)


def line(entry, size):
    name = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in entry["file"])
    wanted = entry["code"] or entry["expect"]
    return f"{size:>9,} {wanted:<17} {name}"


def make(folder, scratch):
    laboratory, mri, discharge = contents.LABORATORY, contents.MRI, contents.DISCHARGE
    arabic_laboratory, arabic_mri = contents.ARABIC_LABORATORY, contents.ARABIC_MRI
    papers = {"laboratory": laboratory, "mri": mri, "discharge": discharge, "arabic-laboratory": arabic_laboratory,
              "arabic-mri": arabic_mri, "orders": contents.ORDERS}
    places = {name: scratch / f"{name}.pdf" for name in papers}
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        list(both.map(lambda name: print_paper(papers[name], places[name]), papers))
    bodies = {name: place.read_bytes() for name, place in places.items()}
    corpus = Corpus(folder)

    # Letters that are letters.
    corpus.written("laboratory.pdf", bodies["laboratory"], laboratory, LEAST["written"], "laboratory")
    corpus.written("mri.pdf", bodies["mri"], mri, LEAST["written"], "imaging")
    corpus.written("discharge.pdf", bodies["discharge"], discharge, LEAST["written"], "discharge")
    corpus.written("arabic-laboratory.pdf", bodies["arabic-laboratory"], arabic_laboratory, LEAST["arabic table"], "laboratory")
    corpus.written("arabic-mri.pdf", bodies["arabic-mri"], arabic_mri, LEAST["arabic written"], "imaging")
    corpus.written("letter.txt", contents.LETTER.encode(), [contents.LETTER], 1.0, "referral", TEXT)
    corpus.written("orders-to-the-assistant.pdf", bodies["orders"], contents.ORDERS, LEAST["written"], "laboratory")

    # Letters that are pictures.
    sheets = {(name, page): sheet(places[name], page) for name, page in [
        ("laboratory", 1), ("laboratory", 2), ("mri", 1), ("discharge", 2), ("arabic-laboratory", 1)]}
    scan = pdf_of_picture(scanned(sheets["laboratory", 1], 1))
    corpus.seen("scan.pdf", scan, laboratory[:1], LEAST["scan"], "laboratory", PDF)
    (scratch / "second.pdf").write_bytes(pdf_of_picture(scanned(sheets["discharge", 2], 2, -0.6)))
    run("qpdf", "--deterministic-id", "--empty", "--pages", places["discharge"], 1, scratch / "second.pdf", 1, "--",
        scratch / "mixed.pdf")
    corpus.add("written-and-scanned.pdf", (scratch / "mixed.pdf").read_bytes(), "ready", media=PDF, papers=discharge,
               modes=["embedded", "recognised"], least=LEAST["scan"], kind="discharge")
    upright = photographed(sheets["laboratory", 1], 3)
    corpus.seen("photo-exif-6-gps.jpg", jpeg(upright.transpose(Image.ROTATE_90), exif=exif()), laboratory[:1],
                LEAST["photo"], "laboratory", JPEG)
    photo = photographed(sheets["mri", 1], 4)
    corpus.seen("photo-on-its-side.jpg", jpeg(photo.transpose(Image.ROTATE_270)), mri, LEAST["photo"], "imaging", JPEG)
    corpus.seen("photo-in-shadow.jpg", jpeg(photographed(sheets["laboratory", 2], 5, in_shadow)), laboratory[1:],
                LEAST["shadow"], "laboratory", JPEG)
    sent = photographed(sheets["discharge", 2], 6).resize((960, 1280), Image.LANCZOS)
    corpus.seen("photo-by-messenger.jpg", jpeg(sent, 50), discharge[1:], LEAST["messenger"], "discharge", JPEG)
    out = io.BytesIO()
    scanned(sheets["arabic-laboratory", 1], 7, 0.5, 4).convert("L").save(out, "PNG")
    corpus.seen("arabic-scan.png", out.getvalue(), arabic_laboratory, LEAST["arabic scan"], "laboratory", PNG)
    out = io.BytesIO()
    photo.save(out, "WEBP", quality=80)
    corpus.seen("photo.webp", out.getvalue(), mri, LEAST["photo"], "imaging", WEBP)
    if shutil.which("heif-enc"):
        photo.save(scratch / "photo.png", compress_level=1)
        run("heif-enc", "-q", 60, "-o", scratch / "photo.heic", scratch / "photo.png")
        corpus.seen("photo.heic", (scratch / "photo.heic").read_bytes(), mri, LEAST["photo"], "imaging", HEIC)
    out = io.BytesIO()
    faxes = [scanned(sheets["laboratory", page], 7 + page, 0.4).convert("L").point(lambda value: 255 * (value > 150)).convert("1")
             for page in (1, 2)]
    faxes[0].save(out, "TIFF", save_all=True, append_images=faxes[1:], compression="group4", dpi=(DPI, DPI))
    corpus.seen("fax-of-two-pages.tiff", out.getvalue(), laboratory, LEAST["fax"], "laboratory", TIFF)

    # Names that say something else than the bytes.
    picture = jpeg(scanned(sheets["mri", 1], 10))
    corpus.seen("jpeg-named.pdf", picture, mri, LEAST["scan"], "imaging", JPEG)
    corpus.written("text-named.pdf", contents.LETTER.encode(), [contents.LETTER], 1.0, "referral", TEXT)
    corpus.refused("html-named.pdf", HTML, "unsupported_type")

    # Names that are no harm to anybody who does not believe in them.
    for name in ["%d [0] : ; ...pdf", "-o out.pdf", "report \u202efdp.pdf", "..%2f..%2fetc%2fpasswd.pdf"]:
        corpus.written(name, bodies["mri"], mri, LEAST["written"], "imaging")

    # Refused for what they are.
    corpus.refused("nothing.pdf", b"", "empty")
    box = archive({"report.txt": contents.LETTER})
    corpus.refused("archive.zip", box, "unsupported_type")
    corpus.refused("letter.docx", archive(DOCX), "unsupported_type")
    out = io.BytesIO()
    sheets["mri", 1].resize((413, 585)).convert("P").save(out, "GIF")
    corpus.refused("picture.gif", out.getvalue(), "unsupported_type")
    corpus.refused("picture.svg", SVG, "unsupported_type")
    corpus.refused("pdf-and-zip.pdf", bodies["mri"] + box, "ambiguous_type")
    corpus.refused("jpeg-and-zip.jpg", picture + box, "ambiguous_type")

    # Locked, broken, blank.
    run("qpdf", "--encrypt", "secret", "owner", 256, "--", places["mri"], scratch / "encrypted.pdf")
    corpus.refused("encrypted.pdf", (scratch / "encrypted.pdf").read_bytes(), "encrypted", PDF)
    run("qpdf", "--static-id", "--static-aes-iv", "--allow-weak-crypto", "--encrypt", "", "owner", 128, "--use-aes=y",
        "--extract=n", "--modify=none", "--print=none", "--", places["mri"], scratch / "owner.pdf")
    corpus.written("owner-password.pdf", (scratch / "owner.pdf").read_bytes(), mri, LEAST["written"], "imaging")
    corpus.refused("cut-in-half.pdf", bodies["laboratory"][: len(bodies["laboratory"]) // 2], "damaged", PDF)
    blank = Image.new("RGB", (1654, 2339), (255, 255, 255))
    corpus.refused("blank-scan.pdf", pdf_of_picture(grain(blank, 3, 11)), "nothing_to_read", PDF)

    # Bombs.
    corpus.refused("20000-pixels-square.png", png(20_000, 20_000, packed_rows(20_000, 20_000)), "too_big_to_open", PNG)
    corpus.refused("says-60000-pixels-square.png", png(60_000, 60_000, packed_rows(64, 64)), "too_big_to_open", PNG)
    corpus.refused("5000-pages.pdf", empty_pages(5_000), "too_many_pages", PDF)
    corpus.add("14000-points-square.pdf", pdf_of_content(
        b"BT /F 400 Tf 800 12000 Td (Haemoglobin 11.2 g/dL) Tj ET", (14_000, 14_000)), "any", media=PDF, pages=1)
    corpus.add("1-gigabyte-of-blanks.pdf", pdf_of_content(packed_blanks(1 << 30), filters=b"/Filter /FlateDecode"), "any",
               media=PDF, pages=1)
    return corpus.entries


# Measured with poppler 22.12 and tesseract 5.3 after enlarging, dividing by the blurred background and straightening, less a
# margin. Not so "arabic table": pdftotext -layout puts a row's leftmost cell first, which for Arabic is its last, and has 0.64;
# without -layout it has 0.96.
LEAST = {"written": 0.98, "arabic written": 0.9, "arabic table": 0.9, "scan": 0.95, "photo": 0.94, "shadow": 0.93,
         "messenger": 0.93, "arabic scan": 0.85, "fax": 0.94}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    made_of = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("make_corpus.py", "contents.py"))).hexdigest()
    stamp, index = folder / ".made-of", folder / "corpus.json"
    if stamp.is_file() and index.is_file() and stamp.read_text().split("\n")[0] == made_of:
        entries = json.loads(index.read_text("utf-8"))
        sizes = dict(json.loads(stamp.read_text().split("\n")[1]))
        if all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items()):
            for entry in entries:
                print(line(entry, sizes[entry["file"]]))
            return
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="corpus-") as scratch:
        entries = make(folder, pathlib.Path(scratch))
    index.write_text(json.dumps(entries, ensure_ascii=False, indent=1) + "\n", "utf-8")
    sizes = {entry["file"]: (folder / entry["file"]).stat().st_size for entry in entries}
    stamp.write_text(f"{made_of}\n{json.dumps(sizes)}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(64)
    main(pathlib.Path(sys.argv[1]).resolve())
