// Building elements without strings of HTML.

/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>} Props */

/**
 * `on…` are listeners, true is an empty attribute, false and null are no attribute, the rest are attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Props} [props] @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
        if (typeof value === "function") element.addEventListener(name.slice(2), value);
        else set(element, name, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
}

/** @param {string} action its name, by which tests and styles know it @param {Props} props @param {...(Node | string | null)} children */
export function button(action, props, ...children) {
    return h("button", { type: "button", "data-action": action, ...props }, ...children);
}

/** @param {Element} element @param {string} name @param {string | number | boolean | null | undefined} value */
export function set(element, name, value) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else {
        const text = value === true ? "" : String(value);
        if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
}

/** Writes only what differs: an equal text keeps its node, and with it a selection. */
/** @param {Element} element @param {string} text */
export function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

const shapes = {
    send: ["M12 19V5", "M5.5 11.5 12 5l6.5 6.5"],
    stop: ["M7.5 7.5h9v9h-9z"],
    back: ["M15 5l-7 7 7 7"],
    plus: ["M12 5v14", "M5 12h14"],
    down: ["M12 5v14", "M5.5 12.5 12 19l6.5-6.5"],
    retry: ["M19 12a7 7 0 1 1-2.2-5.1", "M19.5 3.5V8H15"],
    signOut: ["M10 5H6.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19H10", "M14 8l4 4-4 4", "M18 12H9.5"],
    person: ["M12 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z", "M5 19.5c.8-3.4 3.6-5 7-5s6.2 1.6 7 5"],
    alert: ["M12 8v5", "M12 16.2v.1", "M12 3.5 21 19.5H3z"],
};

/** @param {keyof typeof shapes} name @returns {SVGElement} */
export function icon(name) {
    return drawn(name, shapes[name]);
}

/** @param {string} name @param {readonly string[]} lines @returns {SVGElement} */
export function drawn(name, lines) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.classList.add("icon", `icon-${name}`);
    for (const shape of lines) {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", shape);
        svg.append(path);
    }
    return svg;
}

/** Somebody's initials, where others have a picture. @param {string} name */
export function face(name) {
    const initials = name.split(/\s+/).slice(0, 2).map((word) => [...word][0] ?? "").join("");
    return h("span", { class: "face initials", "aria-hidden": "true" }, initials);
}

/** The mark, from its own file beside this one. @param {string} className @returns {HTMLImageElement} */
export function mark(className) {
    const src = new URL("../../icons/mark.svg", import.meta.url).href;
    return h("img", { src, alt: "", class: className, width: 32, height: 32 });
}
