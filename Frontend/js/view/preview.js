// A small picture of a file that was chosen, so that its owner sees whether it is the right one. The 48 megapixels of a phone's
// camera are 190 MB unpacked, and more than some browsers put on a canvas (C84): small is asked for, and only small is drawn.

import { canBeShown } from "../model/picture-size.js";
import { h } from "./dom.js";

/** Pixels of the shorter side: the place is 48 wide, on screens that have up to three for one. */
const edge = 144;
/** Of the file's beginning; a JPEG may have a thumbnail of its own before it says how large it is. */
const head = 256 * 1024;

/** Null where there can be none: a PDF, a HEIC outside of Safari, a strip as long as a wall. @param {Blob} blob @returns {Promise<HTMLCanvasElement | null>} */
export async function preview(blob) {
    try {
        if (!canBeShown(new Uint8Array(await blob.slice(0, head).arrayBuffer()))) return null;
        // One side only, so that the other follows, after the picture has been turned as its camera says.
        const picture = await createImageBitmap(blob, { resizeHeight: edge, resizeQuality: "medium" });
        const canvas = h("canvas", { width: picture.width, height: picture.height, role: "presentation" });
        canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(picture);
        return canvas;
    } catch {
        return null;
    }
}
