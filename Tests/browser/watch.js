// Stands in the page before the app's first script, in every engine: it writes down what nobody would see otherwise, and
// gives a test its clock. Only servers of tests serve it (server.mjs); the app knows nothing of it.

(() => {
    const hurry = 1; // replaced by the server: so many times as fast do the page's clock and timers go
    const kept = "watch.complaints", limit = 50;

    // In sessionStorage, because a page that is left or loaded again must not take its complaints along.
    const complain = (kind, text) => {
        const all = JSON.parse(sessionStorage.getItem(kept) ?? "[]");
        sessionStorage.setItem(kept, JSON.stringify([...all, `${kind}: ${text}`].slice(-limit)));
    };
    sessionStorage.setItem(kept, sessionStorage.getItem(kept) ?? "[]");

    addEventListener("error", (event) => {
        const { target } = event; // of what could not be loaded the event comes by way of its element
        complain("error", target instanceof Element ? `${target.localName} ${target.src ?? target.href}` : event.message);
    }, true);
    addEventListener("unhandledrejection", ({ reason }) => complain("rejection", `${reason} ${reason?.stack ?? ""}`));
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) =>
        complain("policy", `${effectiveDirective} ${blockedURI} ${sample}`));
    const { error } = console;
    console.error = (...words) => {
        complain("console", words.join(" "));
        error.apply(console, words);
    };
    new PerformanceObserver((list) => {
        for (const { name } of list.getEntries()) {
            if (/^(https?|wss?):/.test(name) && new URL(name).origin !== location.origin) complain("foreign", name);
        }
    }).observe({ type: "resource", buffered: true });

    if (hurry === 1) return;
    const wall = Date.now.bind(Date), began = wall();
    Date.now = () => Math.round(began + (wall() - began) * hurry);
    for (const name of ["setTimeout", "setInterval"]) {
        const ours = globalThis[name].bind(globalThis);
        globalThis[name] = (run, milliseconds = 0, ...rest) => ours(run, milliseconds / hurry, ...rest);
    }
})();
