// Markdown as a tree of blocks, made for text that is still arriving. Each block says where it starts; a block is
// finished as soon as the next one has begun, and a beginning is only believed when no further character can take it
// back. So whoever draws may keep finished blocks for ever and read again from the last start only, and what stands at
// the end is what reading the whole text at once would have given. Raw HTML and images do not exist here.

/** @import {Element_, Node_} from "./inline.js" */
import { parseInline } from "./inline.js";

/** @typedef {{start: number, node: Element_}} Block */
/**
 * `whole`: its newline has been seen, or nothing follows. `last`: more may follow right here.
 * @typedef {{text: string, start: number, whole: boolean, last: boolean}} Line
 */

/** Lists in quotes in lists: deeper than this is shown as plain text. */
const depthLimit = 6;

const fenceLine = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const headingLine = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const ruleLine = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const itemLine = /^( *)([-*+•]|\d{1,9}[.)])([ \t]+(?=\S)|[ \t]*$)(.*)$/;
const quoteLine = /^ {0,3}>/;
const tableRule = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
/** Beginnings that one more character may turn into something else. */
const undecidedLine =
    /^\s*(?:#{1,6}[ \t]*|[-*_+•][-*_+• \t]*|\d{1,9}[.)]?[ \t]*|`{1,2}|`{3,}[^`]*|~{1,2}|~{3,}[^`]*|>[ \t]*)$/;

/**
 * @param {string} text
 * @param {boolean} open more may follow
 * @returns {Block[]}
 */
export function parseBlocks(text, open) {
    return blocks(toLines(text, open), open, 0);
}

/** The words alone, for the announcer and for tests. @param {readonly Node_[]} nodes @returns {string} */
export function plainText(nodes) {
    return nodes.map((node) => {
        if (typeof node === "string") return node;
        if (node.tag === "br") return "\n";
        const inside = plainText(node.children);
        return /^(p|li|h[1-6]|pre|tr|blockquote)$/.test(node.tag) ? `${inside}\n` : inside;
    }).join("");
}

/** @param {string} text @param {boolean} open @returns {Line[]} */
function toLines(text, open) {
    /** @type {Line[]} */
    const lines = [];
    let start = 0;
    while (start <= text.length) {
        const end = text.indexOf("\n", start);
        const stop = end < 0 ? text.length : end;
        if (end >= 0 || start < text.length) {
            lines.push({
                start,
                text: text.slice(start, stop).replace(/\r$/, "").replace(/\t/g, "    "),
                whole: end >= 0 || !open,
                last: false,
            });
        }
        if (end < 0) break;
        start = end + 1;
    }
    const last = lines.at(-1);
    if (last) last.last = open;
    return lines;
}

/** @param {Line[]} lines @param {boolean} open @param {number} depth @returns {Block[]} */
function blocks(lines, open, depth) {
    /** @type {Block[]} */
    const found = [];
    let at = 0;
    while (at < lines.length) {
        const line = lines[at];
        if (!line) break;
        if (isBlank(line)) {
            at++;
            continue;
        }
        const kind = begins(lines, at, depth);
        if (kind === "undecided") break;
        const end = endOf(kind, lines, at, depth);
        const last = open && end >= lines.length;
        const node = build(kind, lines.slice(at, end), last, depth);
        if (node) found.push({ start: line.start, node });
        at = end;
    }
    return found;
}

/** @typedef {"fence" | "heading" | "rule" | "list" | "quote" | "table" | "paragraph"} Kind */

/** @param {Line} line */
function isBlank(line) {
    return line.text.trim() === "";
}

/** @param {Line[]} lines @param {number} at @param {number} depth @returns {Kind | "undecided"} */
function begins(lines, at, depth) {
    const line = /** @type {Line} */ (lines[at]);
    const { text } = line;
    if (!line.whole && undecidedLine.test(text)) return "undecided";
    if (fenceLine.test(text)) return "fence";
    if (headingLine.test(text)) return "heading";
    if (ruleLine.test(text)) return "rule";
    if (depth < depthLimit) {
        if (quoteLine.test(text)) return "quote";
        if (itemLine.test(text)) return "list";
    }
    if (/^ {0,3}\|/.test(text)) {
        const next = lines[at + 1];
        if (!line.whole || (next && !next.whole && /^[ |:-]*$/.test(next.text))) return "undecided";
        if (line.last) return "undecided";
        if (next && tableRule.test(next.text) && next.text.includes("-")) return "table";
    }
    return "paragraph";
}

/** May this line begin a new block right under a paragraph? @param {Line[]} lines @param {number} at @param {number} depth */
function interrupts(lines, at, depth) {
    const kind = begins(lines, at, depth);
    if (kind !== "list") return kind !== "paragraph";
    const match = itemLine.exec(lines[at]?.text ?? "");
    return match !== null && match[4] !== "" && (/^\D/.test(match[2] ?? "") || parseInt(match[2] ?? "", 10) === 1);
}

/** @param {Kind} kind @param {Line[]} lines @param {number} at @param {number} depth @returns {number} */
function endOf(kind, lines, at, depth) {
    let end = at + 1;
    /** @param {number} index */
    const line = (index) => lines[index]?.text ?? "";
    switch (kind) {
        case "heading":
        case "rule":
            return end;
        case "fence": {
            const fence = fenceLine.exec(line(at))?.[1] ?? "```";
            while (end < lines.length && !closesFence(line(end), fence)) end++;
            return Math.min(end + 1, lines.length);
        }
        case "quote":
            while (end < lines.length && quoteLine.test(line(end))) end++;
            return end;
        case "table":
            while (end < lines.length && /^ {0,3}\|/.test(line(end))) end++;
            return end;
        case "paragraph":
            while (end < lines.length && line(end).trim() !== "" && !interrupts(lines, end, depth)) end++;
            return skipUndecided(lines, end, depth);
        case "list":
            return endOfList(lines, at, depth);
    }
}

/** An undecided last line ends nothing yet: it is left out of sight. */
/** @param {Line[]} lines @param {number} end @param {number} depth */
function skipUndecided(lines, end, depth) {
    if (end < lines.length && lines[end]?.text.trim() !== "" && begins(lines, end, depth) === "undecided") {
        lines.length = end;
    }
    return end;
}

/** @param {string} line @param {string} fence */
function closesFence(line, fence) {
    const bare = line.trim();
    return bare.length >= fence.length && /^ {0,3}\S/.test(line) && bare === fence.charAt(0).repeat(bare.length);
}

/** @param {Line[]} lines @param {number} at @param {number} depth */
function endOfList(lines, at, depth) {
    const first = itemLine.exec(lines[at]?.text ?? "");
    const base = first?.[1]?.length ?? 0, ordered = /^\d/.test(first?.[2] ?? "");
    let end = at + 1, afterBlank = false;
    for (let look = end; look < lines.length; look++) {
        const line = /** @type {Line} */ (lines[look]);
        if (isBlank(line)) {
            afterBlank = true;
            continue;
        }
        const indent = line.text.length - line.text.trimStart().length;
        if (indent < base + 2) {
            const kind = begins(lines, look, depth);
            if (kind === "undecided") {
                lines.length = look;
                return end;
            }
            const item = kind === "list" ? itemLine.exec(line.text) : null;
            if (item ? /^\d/.test(item[2] ?? "") !== ordered : afterBlank || kind !== "paragraph") return end;
        }
        end = look + 1;
        afterBlank = false;
    }
    return end;
}

/** @param {Kind} kind @param {Line[]} lines @param {boolean} open @param {number} depth @returns {Element_ | null} */
function build(kind, lines, open, depth) {
    const texts = lines.map((line) => line.text);
    switch (kind) {
        case "heading": {
            const [, marks = "#", words = ""] = headingLine.exec(texts[0] ?? "") ?? [];
            const children = parseInline(words.replace(/[ \t]+#+[ \t]*$/, "").trim(), open);
            // The page has its own h1 and h2; an answer's headings are below them.
            return { tag: `h${Math.min(marks.length + 2, 6)}`, children };
        }
        case "rule":
            return { tag: "hr", children: [] };
        case "fence":
            return fenced(texts, lines, open);
        case "quote": {
            const inner = lines.map((line) => ({ ...line, text: line.text.replace(/^ {0,3}> ?/, "") }));
            return { tag: "blockquote", children: nested(inner, open, depth) };
        }
        case "table":
            return table(texts, open);
        case "list":
            return listOf(lines, open, depth);
        case "paragraph": {
            const children = parseInline(texts.map((one) => one.trimStart()).join("\n").trimEnd(), open);
            return children.length > 0 ? { tag: "p", children } : null;
        }
    }
}

/** @param {Line[]} lines @param {boolean} open @param {number} depth @returns {Element_[]} */
function nested(lines, open, depth) {
    const settled = open ? lines : lines.map((line) => ({ ...line, whole: true, last: false }));
    return blocks(settled, open, depth + 1).map((one) => one.node);
}

/** @param {string[]} texts @param {Line[]} lines @param {boolean} open @returns {Element_} */
function fenced(texts, lines, open) {
    const fence = fenceLine.exec(texts[0] ?? "")?.[1] ?? "```";
    const inside = texts.slice(1);
    const last = inside.at(-1);
    const closed = last !== undefined && closesFence(last, fence);
    // While the closing fence is being written its first backticks are not code.
    const closing = open && !lines.at(-1)?.whole && last !== undefined && /^ {0,3}(`+|~+)$/.test(last);
    if (closed || closing) inside.pop();
    return {
        tag: "pre",
        attrs: { dir: "ltr", tabindex: "0" },
        children: [{ tag: "code", children: inside.length > 0 ? [inside.join("\n")] : [] }],
    };
}

/** @param {Line[]} lines @param {boolean} open @param {number} depth @returns {Element_} */
function listOf(lines, open, depth) {
    const first = itemLine.exec(lines[0]?.text ?? "");
    const base = first?.[1]?.length ?? 0, marker = first?.[2] ?? "-";
    /** @type {Line[][]} */
    const items = [];
    let width = 2;
    for (const line of lines) {
        const match = itemLine.exec(line.text);
        if (match && (match[1]?.length ?? 0) < base + 2) {
            const text = match[4] ?? "";
            width = line.text.length - text.length;
            items.push([{ ...line, text }]);
        } else {
            const indent = line.text.length - line.text.trimStart().length;
            items.at(-1)?.push({ ...line, text: line.text.slice(Math.min(indent, width)) });
        }
    }
    const children = items.map((item, index) => {
        const inner = nested(item, open && index === items.length - 1, depth);
        const [head, ...rest] = inner;
        // Always tight: a blank line that arrives later must not move what already stands.
        return { tag: "li", children: head?.tag === "p" ? [...head.children, ...rest] : inner };
    });
    const number = parseInt(marker, 10);
    if (Number.isNaN(number)) return { tag: "ul", children };
    return number === 1 ? { tag: "ol", children } : { tag: "ol", attrs: { start: String(number) }, children };
}

/** @param {string[]} texts @param {boolean} open @returns {Element_} */
function table(texts, open) {
    const rows = texts.filter((_, index) => index !== 1).map(cells);
    const width = rows[0]?.length ?? 0;
    const body = rows.slice(1);
    /** @param {string[]} row @param {string} tag @param {boolean} last @returns {Element_} */
    const line = (row, tag, last) => ({
        tag: "tr",
        children: row.slice(0, width).map((cell, index) => ({
            tag,
            children: parseInline(cell, last && index === row.length - 1),
        })),
    });
    return {
        tag: "table",
        children: [
            { tag: "thead", children: [line(rows[0] ?? [], "th", false)] },
            { tag: "tbody", children: body.map((row, index) => line(row, "td", open && index === body.length - 1)) },
        ],
    };
}

/** @param {string} text @returns {string[]} */
function cells(text) {
    return text.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "").split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replace(/\\\|/g, "|"));
}
