// Papers to give: a PDF with words in it, as large as a test wants.

/**
 * @param {string[]} lines @param {number} [padding] bytes of a comment, so that it takes a while to send
 * @param {number} [pages] all alike, so that it takes a while to read
 */
export function pdf(lines, padding = 0, pages = 1) {
    const shown = lines.map((line) => `(${line.replace(/[\\()]/g, "\\$&")}) Tj T*`).join("\n");
    const stream = `BT /F1 14 Tf 20 TL 60 760 Td\n${shown}\nET`;
    const objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        `<< /Type /Pages /Kids [${Array.from({ length: pages }, (_, at) => `${at + 5} 0 R`).join(" ")}] /Count ${pages} >>`,
        `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ...new Array(pages).fill(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 3 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
        ),
    ];
    let file = "%PDF-1.4\n" + (padding > 0 ? `%${"x".repeat(padding)}\n` : "");
    const places = objects.map((body, at) => {
        const place = file.length;
        file += `${at + 1} 0 obj\n${body}\nendobj\n`;
        return place;
    });
    const table = file.length;
    file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
    file += places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
    return Buffer.from(`${file}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`, "latin1");
}

/** A gray picture as large as a phone's, in a few hundred kilobytes: every block is nought, in codes of one bit. */
export function jpeg(width, height) {
    const two = (value) => [value >> 8, value & 0xff];
    const segment = (marker, body) => [0xff, marker, ...two(body.length + 2), ...body];
    const nought = [1, ...new Array(15).fill(0), 0]; // one code, of one bit, for "nothing more"
    const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
    return Buffer.concat([
        Buffer.from([
            0xff, 0xd8,
            ...segment(0xdb, [0, ...new Array(64).fill(1)]),
            ...segment(0xc0, [8, ...two(height), ...two(width), 1, 1, 0x11, 0]),
            ...segment(0xc4, [0x00, ...nought]),
            ...segment(0xc4, [0x10, ...nought]),
            ...segment(0xda, [1, 1, 0, 0, 63, 0]),
        ]),
        Buffer.alloc(Math.ceil(blocks * 2 / 8)),
        Buffer.from([0xff, 0xd9]),
    ]);
}
