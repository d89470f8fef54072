// Signing in with Clerk, without Clerk's own components: its script keeps the session and gives a token whenever one is
// asked for; the sign-in page itself is on Clerk's side. Loaded only by installations that use Clerk.

/** @import {ClerkConfig} from "./types.js" */

/**
 * What we use of clerk-js.
 * @typedef {object} ClerkJs
 * @property {(options: {telemetry: boolean}) => Promise<void>} load
 * @property {{getToken: (options?: {skipCache?: boolean}) => Promise<string | null>} | null | undefined} session
 * @property {(options: Record<string, string>) => Promise<unknown>} redirectToSignIn
 * @property {(options: {redirectUrl: string}) => Promise<unknown>} signOut
 * @property {(listener: (resources: {session?: object | null}) => void) => unknown} addListener
 */

/** @typedef {{createPolicy: (name: string, rules: {createScriptURL: (url: string) => string}) => unknown}} Policies */

/** The script may be slow to come on a bad line; longer than this is a failure that can be tried again. */
export const scriptTimeout = 20_000;

/** @type {Promise<ClerkJs> | null} */
let loading = null;

/** @param {ClerkConfig} config @returns {Promise<Clerk>} */
export async function openClerk(config) {
    try {
        return new Clerk(await (loading ??= load(config)));
    } catch (error) {
        loading = null; // a broken line now is not one for ever
        throw error;
    }
}

export class Clerk {
    #js;

    /** @param {ClerkJs} js */
    constructor(js) {
        this.#js = js;
    }

    get signedIn() {
        return Boolean(this.#js.session);
    }

    /** Clerk keeps a token for most of its minute and fetches the next in time. @param {boolean} fresh not a kept one */
    async token(fresh) {
        return await this.#js.session?.getToken({ skipCache: fresh }) ?? null;
    }

    /** Goes to Clerk's page and comes back to this one. */
    async signIn() {
        const here = location.href;
        await this.#js.redirectToSignIn({ signInFallbackRedirectUrl: here, signUpFallbackRedirectUrl: here });
    }

    async signOut() {
        await this.#js.signOut({ redirectUrl: location.origin + location.pathname });
    }

    /** Says so when the session ends, also in another tab. @param {() => void} ended */
    watch(ended) {
        let was = this.signedIn;
        this.#js.addListener(({ session }) => {
            if (was && !session) ended();
            was = Boolean(session);
        });
    }
}

/** @param {ClerkConfig} config @returns {Promise<ClerkJs>} */
async function load(config) {
    allow(config.frontend_api);
    const script = document.createElement("script");
    script.async = true;
    script.crossOrigin = "anonymous";
    script.dataset.clerkPublishableKey = config.publishable_key;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
        await new Promise((resolve, reject) => {
            timer = setTimeout(() => reject(new Error("clerk-js is too slow")), scriptTimeout);
            script.onload = resolve;
            script.onerror = () => reject(new Error("clerk-js cannot be loaded"));
            script.src = config.script_url;
            document.head.append(script);
        });
        const { Clerk: js } = /** @type {{Clerk?: ClerkJs}} */ (/** @type {unknown} */ (globalThis));
        if (!js) throw new Error("clerk-js is not there");
        await js.load({ telemetry: false });
        return js;
    } catch (error) {
        script.remove();
        throw error;
    } finally {
        clearTimeout(timer);
    }
}

let allowed = false;

/**
 * Trusted Types stay on: of all that they guard, only addresses of scripts on Clerk's host pass, for its script and the
 * pieces that it loads. HTML and code as strings stay forbidden to everybody.
 * @param {string} host
 */
function allow(host) {
    const { trustedTypes } = /** @type {{trustedTypes?: Policies}} */ (/** @type {unknown} */ (globalThis));
    if (allowed || !trustedTypes) return;
    allowed = true;
    trustedTypes.createPolicy("default", {
        createScriptURL(url) {
            if (new URL(url, location.href).origin === host) return url;
            throw new TypeError("not an address of Clerk's host");
        },
    });
}
