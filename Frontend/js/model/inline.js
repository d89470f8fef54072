// Emphasis, code, links: the inside of a Markdown block, as a tree. `open` means that more text may follow: then what
// is begun counts as meant (`**dos` is bold already) and what cannot be told yet is withheld, so that no raw marker
// ever flashes. Once a block is finished the ordinary rules hold, and unmatched markers are just characters.

/** @typedef {{readonly tag: string, readonly attrs?: Readonly<Record<string, string>>, readonly children: readonly Node_[]}} Element_ */
/** @typedef {string | Element_} Node_ */

/** @typedef {{mark: string, count: number, opens: boolean, closes: boolean}} Run */
/** @typedef {Node_ | Run} Token */

const punctuation = /[\p{P}\p{S}]/u;
const escapable = /[!-/:-@[-`{-~]/;

/** Only what may be followed from a health conversation. @param {string} url @returns {string | null} */
export function safeLink(url) {
    const plain = url.trim();
    // deno-lint-ignore no-control-regex
    if (/[\u0000-\u0020\u007f<>"\\]/.test(plain)) return null;
    return /^(https:\/\/[^/?#]|mailto:[^?]+@|tel:\+?[0-9])/i.test(plain) ? plain : null;
}

/** @param {string} text @param {boolean} open @param {number} [depth] @returns {Node_[]} */
export function parseInline(text, open, depth = 0) {
    if (open) text = text.replace(/\s+$/, "");
    if (depth > 6) return [text];
    const tokens = tokenise(text, open, depth);
    const last = tokens.at(-1);
    if (open && last && isRun(last)) {
        tokens.pop();
        const matched = pair(tokens);
        const opener = matched.findLast((one) => isRun(one) && one.opens && one.mark === last.mark);
        const closes = opener && isRun(opener) && last.closes && last.count >= opener.count;
        return finish(closes ? pair([...matched, last]) : matched, true);
    }
    return finish(pair(tokens), open);
}

/** @param {Token} token @returns {token is Run} */
function isRun(token) {
    return typeof token !== "string" && "mark" in token;
}

/** @param {string} text @param {boolean} open @param {number} depth @returns {Token[]} */
function tokenise(text, open, depth) {
    /** @type {Token[]} */
    const tokens = [];
    let plain = "";
    const flush = () => {
        if (plain !== "") tokens.push(plain);
        plain = "";
    };
    /** @param {Token[]} more */
    const add = (...more) => {
        flush();
        tokens.push(...more);
    };
    let at = 0;
    while (at < text.length) {
        const character = text.charAt(at);
        const rest = text.length - at;
        if (character === "\\") {
            const next = text.charAt(at + 1);
            if (rest === 1) plain += open ? "" : "\\";
            else if (next === "\n") add({ tag: "br", children: [] });
            else plain += escapable.test(next) ? next : `\\${next}`;
            at += 2;
        } else if (character === "\n") {
            plain = plain.replace(/ +$/, "");
            add({ tag: "br", children: [] });
            at += 1;
            while (text.charAt(at) === " ") at++;
        } else if (character === "`") {
            const ticks = /^`+/.exec(text.slice(at))?.[0] ?? "`";
            const end = closingTicks(text, at + ticks.length, ticks.length);
            if (end >= 0) {
                add(code(text.slice(at + ticks.length, end)));
                at = end + ticks.length;
            } else if (open) {
                const inside = text.slice(at + ticks.length).replace(/`+$/, "");
                if (inside !== "") add(code(inside));
                at = text.length;
            } else {
                plain += ticks;
                at += ticks.length;
            }
        } else if (character === "[" || (character === "!" && text.charAt(at + 1) === "[")) {
            const image = character === "!";
            const link = readLink(text, image ? at + 1 : at, open);
            if (link === null) {
                plain += character;
                at += 1;
            } else {
                const label = parseInline(link.label, open && link.end === text.length && !link.closed, depth + 1);
                const href = image || link.url === null ? null : safeLink(link.url);
                add(...(href === null ? label : [anchor(href, label)]));
                at = link.end;
            }
        } else if (open && character === "!" && rest === 1) {
            plain += "!";
            at += 1;
        } else if (character === "<") {
            const match = /^<([a-z][a-z0-9+.-]{1,20}:[^\s<>]*)>/i.exec(text.slice(at, at + 2048));
            const href = match?.[1] ? safeLink(match[1]) : null;
            if (match && href !== null) {
                add(anchor(href, [href.replace(/^(mailto|tel):/i, "")]));
                at += match[0].length;
            } else {
                plain += "<";
                at += 1;
            }
        } else if (character === "h" && text.startsWith("https://", at) && !/[\p{L}\p{N}]$/u.test(plain)) {
            const found = /^https:\/\/[^\s<>"\\`]+/.exec(text.slice(at))?.[0] ?? "h";
            const url = found.replace(/(?:[.,;:!?'*_~)\]،؛؟]|\*\*)+$/u, "");
            const href = safeLink(url);
            const unfinished = open && at + found.length === text.length;
            if (href === null || unfinished) plain += url;
            else add(anchor(href, [url]));
            at += url.length;
        } else if (character === "*" || character === "_" || (character === "~" && text.charAt(at + 1) === "~")) {
            let count = 1;
            while (text.charAt(at + count) === character) count++;
            add(run(text, at, count));
            at += count;
        } else if (open && character === "~" && rest === 1) {
            at += 1;
        } else {
            plain += character;
            at += 1;
        }
    }
    flush();
    return tokens;
}

/** @param {string} inside @returns {Element_} */
function code(inside) {
    const flat = inside.replace(/\n/g, " ");
    const padded = flat.length > 2 && flat.startsWith(" ") && flat.endsWith(" ") && flat.trim() !== "";
    return { tag: "code", attrs: { dir: "ltr" }, children: [padded ? flat.slice(1, -1) : flat] };
}

/** @param {string} href @param {readonly Node_[]} children @returns {Element_} */
function anchor(href, children) {
    return { tag: "a", attrs: { href, rel: "noopener noreferrer nofollow", target: "_blank" }, children };
}

/** @param {string} text @param {number} from @param {number} count */
function closingTicks(text, from, count) {
    for (let at = text.indexOf("`", from); at >= 0; at = text.indexOf("`", at)) {
        let length = 1;
        while (text.charAt(at + length) === "`") length++;
        if (length === count) return at;
        at += length;
    }
    return -1;
}

/**
 * @param {string} text @param {number} at where "[" stands @param {boolean} open
 * @returns {{label: string, url: string | null, end: number, closed: boolean} | null} null: an ordinary bracket
 */
function readLink(text, at, open) {
    let depth = 0, close = -1;
    for (let look = at; look < text.length; look++) {
        const character = text.charAt(look);
        if (character === "\\") look++;
        else if (character === "[") depth++;
        else if (character === "]" && --depth === 0) {
            close = look;
            break;
        }
    }
    if (close < 0) return open ? { label: text.slice(at + 1), url: null, end: text.length, closed: false } : null;
    const label = text.slice(at + 1, close);
    if (close + 1 === text.length && open) return { label, url: null, end: text.length, closed: true };
    if (text.charAt(close + 1) !== "(") return null;
    let parens = 0;
    for (let look = close + 1; look < text.length; look++) {
        const character = text.charAt(look);
        if (character === "\n") return null;
        if (character === "(") parens++;
        else if (character === ")" && --parens === 0) {
            const inside = text.slice(close + 2, look).trim().replace(/\s+(?:"[^"]*"|'[^']*')$/, "");
            return { label, url: inside, end: look + 1, closed: true };
        }
    }
    return open ? { label, url: null, end: text.length, closed: true } : null;
}

/** @param {string} text @param {number} at @param {number} count @returns {Run} */
function run(text, at, count) {
    const mark = text.charAt(at);
    const before = at === 0 ? " " : text.charAt(at - 1), after = text.charAt(at + count) || " ";
    const spaceBefore = /\s/.test(before), spaceAfter = /\s/.test(after);
    const left = !spaceAfter && (!punctuation.test(after) || spaceBefore || punctuation.test(before));
    const right = !spaceBefore && (!punctuation.test(before) || spaceAfter || punctuation.test(after));
    if (mark === "_") {
        return {
            mark,
            count,
            opens: left && (!right || punctuation.test(before)),
            closes: right && (!left || punctuation.test(after)),
        };
    }
    return { mark, count, opens: left, closes: right };
}

/** Pairs what can be paired, nearest first. @param {readonly Token[]} tokens @returns {Token[]} */
function pair(tokens) {
    const list = [...tokens];
    for (let closer = 0; closer < list.length; closer++) {
        const closing = list[closer];
        if (!closing || !isRun(closing) || !closing.closes) continue;
        let opener = closer - 1;
        for (; opener >= 0; opener--) {
            const opening = list[opener];
            if (opening && isRun(opening) && opening.opens && matches(opening, closing)) break;
        }
        const opening = list[opener];
        if (!opening || !isRun(opening)) continue;
        const used = Math.min(opening.count, closing.count) >= 2 ? 2 : 1;
        const children = list.slice(opener + 1, closer).flatMap((one) => isRun(one) ? literal(one) : [one]);
        const tag = opening.mark === "~" ? "s" : used === 2 ? "strong" : "em";
        /** @type {Token[]} */
        const made = [{ tag, children }];
        if (opening.count > used) made.unshift({ ...opening, count: opening.count - used });
        const left = closing.count - used;
        if (left > 0) made.push({ ...closing, count: left });
        list.splice(opener, closer - opener + 1, ...made);
        closer = opener + made.length - 1 - (left > 0 ? 1 : 0);
    }
    return list;
}

/** @param {Run} opening @param {Run} closing */
function matches(opening, closing) {
    if (opening.mark !== closing.mark) return false;
    if (opening.mark === "~") return opening.count === 2 && closing.count === 2;
    const both = (opening.opens && opening.closes) || (closing.opens && closing.closes);
    return !(both && (opening.count + closing.count) % 3 === 0 && opening.count % 3 !== 0);
}

/** @param {Run} one @returns {string[]} */
function literal(one) {
    return [one.mark.repeat(one.count)];
}

/** @param {readonly Token[]} tokens @param {boolean} open @returns {Node_[]} */
function finish(tokens, open) {
    /** @type {Node_[]} */
    let nodes = [];
    for (let at = tokens.length - 1; at >= 0; at--) {
        const token = tokens[at];
        if (token === undefined) continue;
        if (!isRun(token)) nodes.unshift(token);
        else if (!open || !token.opens || (token.mark === "~" && token.count !== 2)) nodes.unshift(...literal(token));
        else if (nodes.length > 0) {
            const tag = token.mark === "~" ? "s" : token.count >= 2 ? "strong" : "em";
            nodes = [{ tag, children: token.count > 2 ? [{ tag: "em", children: nodes }] : nodes }];
        }
    }
    return join(nodes);
}

/** Neighbouring strings become one, so that equal text gives an equal tree. @param {Node_[]} nodes @returns {Node_[]} */
function join(nodes) {
    /** @type {Node_[]} */
    const joined = [];
    for (const node of nodes) {
        const last = joined.at(-1);
        if (typeof node === "string" && typeof last === "string") joined[joined.length - 1] = last + node;
        else joined.push(typeof node === "string" ? node : { ...node, children: join([...node.children]) });
    }
    return joined;
}
