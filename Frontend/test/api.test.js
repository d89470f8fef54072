// What the app does when a token is not taken.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, asProblem } from "../js/wire/api.js";
import { Session } from "../js/wire/session.js";

/** @param {string[]} kept what `token` gives, one after another @param {string | null} fresh @param {Set<string>} good */
function line(kept, fresh, good) {
    /** @type {(string | undefined)[]} */
    const seen = [];
    const told = { refused: 0 };
    const api = new Api({
        fetch: (_, init) => {
            const header = new Headers(init?.headers).get("Authorization") ?? undefined;
            seen.push(header);
            const ok = header !== undefined && good.has(header.slice("Bearer ".length));
            return Promise.resolve(
                Response.json(ok ? { cases: [] } : { code: "token_expired" }, { status: ok ? 200 : 401 }),
            );
        },
        token: (wantsFresh) => Promise.resolve(wantsFresh ? fresh : kept.shift() ?? null),
        refused: () => told.refused++,
    });
    return { api, seen, told };
}

test("a token is asked for before every request", async () => {
    const { api, seen } = line(["a", "b"], null, new Set(["a", "b"]));
    await api.cases();
    await api.events("c", null, new AbortController().signal);
    assert.deepEqual(seen, ["Bearer a", "Bearer b"]);
});

test("a token that is not taken is exchanged once, also on a stream, and nobody is bothered", async () => {
    const { api, seen, told } = line(["old", "old"], "new", new Set(["new"]));
    await api.cases();
    const { status } = await api.events("c", "e-1", new AbortController().signal);
    assert.equal(status, 200);
    assert.deepEqual(seen, ["Bearer old", "Bearer new", "Bearer old", "Bearer new"]);
    assert.equal(told.refused, 0);
});

test("a second refusal is the last: two requests, and the sign-in page", async () => {
    const { api, seen, told } = line(["old"], "new", new Set());
    await assert.rejects(api.cases(), (error) => asProblem(error).status === 401);
    assert.deepEqual(seen, ["Bearer old", "Bearer new"]);
    assert.equal(told.refused, 1);
});

for (const fresh of ["old", null]) {
    test(`the same request is not sent again with ${fresh ? "the same token" : "none"}`, async () => {
        const { api, seen, told } = line(["old"], fresh, new Set());
        await assert.rejects(api.cases());
        assert.equal(seen.length, 1);
        assert.equal(told.refused, 1);
    });
}

test("a token that cannot be fetched is a broken line, and no sign-out", async () => {
    let refused = 0;
    const api = new Api({
        fetch: () => Promise.reject(new Error("not reached")),
        token: () => Promise.reject(new TypeError("offline")),
        refused: () => refused++,
    });
    await assert.rejects(api.cases(), (error) => asProblem(error).code === "network");
    assert.equal(refused, 0);
});

/** A tab's storage, as far as the session uses it. */
function storage() {
    /** @type {Record<string, string>} */
    const kept = {};
    const verbs = {
        getItem: (/** @type {string} */ key) => kept[key] ?? null,
        setItem: (/** @type {string} */ key, /** @type {string} */ value) => void (kept[key] = value),
        removeItem: (/** @type {string} */ key) => void delete kept[key],
    };
    // `Object.keys` of a Storage are its entries.
    return {
        kept,
        tab: /** @type {Storage} */ (/** @type {unknown} */ (new Proxy(kept, {
            get: (_, name) => verbs[/** @type {keyof typeof verbs} */ (name)],
        }))),
    };
}

const clerkConfig = {
    publishable_key: "pk",
    frontend_api: "https://clerk.example.org",
    script_url: "https://clerk.example.org/x.js",
};
const layla = { id: "user_1", name: "Layla", role: "patient", language: "en" };

test("with Clerk no token is kept, a refusal keeps the draft, and another person finds nothing", async () => {
    const { kept, tab } = storage();
    let session = true, ended = 0;
    /** @type {() => void} */
    let leave = () => {};
    const clerk = {
        get signedIn() {
            return session;
        },
        token: (/** @type {boolean} */ fresh) => Promise.resolve(fresh ? "fresh" : "kept"),
        signIn: () => Promise.resolve(),
        signOut: () => Promise.resolve(void (session = false)).then(() => leave()),
        watch: (/** @type {() => void} */ told) => void (leave = told),
    };
    const here = new Session(
        tab,
        () => Promise.resolve(/** @type {import("../js/wire/clerk.js").Clerk} */ (/** @type {unknown} */ (clerk))),
    );
    assert.equal(here.signedIn, false);
    // A tap on "Sign in" before Clerk's script was there led nowhere, and nothing said so.
    assert.equal(here.elsewhere, false);
    await here.join(clerkConfig, () => ended++);
    assert.equal(here.elsewhere, true);
    here.begin(null, layla);
    assert.equal(here.signedIn, true);
    assert.equal(await here.token(), "kept");
    assert.equal(await here.token(true), "fresh");
    assert.deepEqual(Object.keys(kept), ["curaway.person"]);

    kept["curaway.draft.c"] = "half a sentence";
    here.expire();
    assert.equal(here.signedIn, false, "Clerk knows them, our server does not");
    assert.equal(kept["curaway.draft.c"], "half a sentence");
    here.begin(null, layla);
    assert.equal(kept["curaway.draft.c"], "half a sentence");
    here.begin(null, { ...layla, id: "user_2" });
    assert.equal(kept["curaway.draft.c"], undefined);

    leave();
    assert.equal(ended, 1, "a session that ends in another tab ends here");
    await here.end();
    assert.equal(ended, 1, "but our own leaving is no surprise");
    assert.deepEqual(kept, {});
});
