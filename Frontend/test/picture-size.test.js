import assert from "node:assert/strict";
import { test } from "node:test";
import { canBeShown, pictureSize } from "../js/model/picture-size.js";

/** @param {number} value @param {number} count */
const big = (value, count) => Array.from({ length: count }, (_, at) => value >>> 8 * (count - 1 - at) & 0xff);
/** @param {number} value @param {number} count */
const little = (value, count) => big(value, count).reverse();
const ascii = (/** @type {string} */ text) => [...text].map((one) => one.charCodeAt(0));
/** @param {string} name @param {number[]} body */
const riff = (name, body) => [
    ...ascii("RIFF"),
    ...little(body.length + 12, 4),
    ...ascii(`WEBP${name}`),
    ...little(body.length, 4),
    ...body,
];

/** With a thumbnail of another size inside a segment before the frame. @param {number} width @param {number} height */
const jpeg = (width, height) => [
    ...[0xff, 0xd8, 0xff, 0xe1, 0, 13, 0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 9, 0, 9],
    ...[0xff, 0xff, 0xc2, 0, 17, 8, ...big(height, 2), ...big(width, 2), 3],
];
/** @type {Record<string, (width: number, height: number) => number[]>} */
const made = {
    png: (width, height) => [
        0x89,
        ...ascii("PNG\r\n\x1a\n"),
        ...big(13, 4),
        ...ascii("IHDR"),
        ...big(width, 4),
        ...big(height, 4),
    ],
    jpeg,
    webp: (width, height) => riff("VP8 ", [0, 0, 0, 0x9d, 1, 0x2a, ...little(width, 2), ...little(height, 2)]),
    lossless: (width, height) => riff("VP8L", [0x2f, ...little(width - 1 | height - 1 << 14, 4)]),
    extended: (width, height) => riff("VP8X", [0, 0, 0, 0, ...little(width - 1, 3), ...little(height - 1, 3)]),
};

for (const [name, make] of Object.entries(made)) {
    test(`C84 ${name}: says its size, and nothing when it is cut`, () => {
        const whole = Uint8Array.from(make(8064, 6048));
        assert.deepEqual(pictureSize(whole), [8064, 6048]);
        for (let cut = 0; cut < whole.length; cut++) {
            const said = pictureSize(whole.slice(0, cut));
            assert.ok(said === null || said[0] === 8064 && said[1] === 6048, `${cut}: ${said}`);
        }
    });
}

test("C84 a wall of pixels is not drawn", () => {
    assert.ok(canBeShown(Uint8Array.from(jpeg(8064, 6048))));
    assert.ok(canBeShown(Uint8Array.from(jpeg(800, 100))));
    assert.ok(!canBeShown(Uint8Array.from(jpeg(801, 100))));
    assert.ok(!canBeShown(Uint8Array.from(jpeg(0, 100))));
    assert.ok(!canBeShown(Uint8Array.from([0xff, 0xd8, 0xff, 0xd9])));
    assert.ok(!canBeShown(Uint8Array.from(ascii("%PDF-1.7"))));
});
