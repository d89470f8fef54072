// What a picture says of its own size, from its first bytes. Pure.

/** Longer than so many times its width it would be a wall of pixels however small its height is made. */
const longest = 8;

/** Whether a browser may be asked to draw it small. @param {Uint8Array<ArrayBuffer>} head */
export function canBeShown(head) {
    const size = pictureSize(head);
    if (!size) return false;
    const [short, long] = [Math.min(...size), Math.max(...size)];
    return short > 0 && long / short <= longest;
}

/** Width and height; null when it is none of JPEG, PNG and WebP, or does not say so in time. @param {Uint8Array<ArrayBuffer>} head @returns {[number, number] | null} */
export function pictureSize(head) {
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    try {
        if (view.getUint32(0) === 0x89504e47) return [view.getUint32(16), view.getUint32(20)];
        if (view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57454250) return webp(view);
        return view.getUint16(0) === 0xffd8 ? jpeg(view) : null;
    } catch {
        return null; // cut off before it
    }
}

/** From segment to segment up to the frame. @param {DataView} view @returns {[number, number] | null} */
function jpeg(view) {
    for (let at = 2;;) {
        if (view.getUint8(at) !== 0xff) return null;
        const marker = view.getUint8(at + 1);
        if (marker === 0xff) at += 1;
        else if (marker === 0x01 || marker >= 0xd0 && marker <= 0xd8) at += 2;
        else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
            return [view.getUint16(at + 7), view.getUint16(at + 5)];
        } else {
            const length = view.getUint16(at + 2);
            if (length < 2 || marker === 0xd9 || marker === 0xda || marker === 0) return null;
            at += 2 + length;
        }
    }
}

/** RFC 9649 §2. @param {DataView} view @returns {[number, number] | null} */
function webp(view) {
    switch (view.getUint32(12)) {
        case 0x56503858: // VP8X
            return [
                (view.getUint32(24, true) & 0xffffff) + 1,
                (view.getUint16(27, true) | view.getUint8(29) << 16) + 1,
            ];
        case 0x5650384c: { // VP8L
            const bits = view.getUint32(21, true);
            return [(bits & 0x3fff) + 1, (bits >>> 14 & 0x3fff) + 1];
        }
        case 0x56503820: // VP8
            return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
        default:
            return null;
    }
}
