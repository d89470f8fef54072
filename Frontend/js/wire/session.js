// Who is signed in, in this tab. With the development identity the token lies in sessionStorage, so that closing the tab
// is signing out; with Clerk its script keeps the session, and every token is asked for when it is needed.

/** @import {Clerk} from "./clerk.js" */
/** @import {ClerkConfig, Person} from "./types.js" */
import { person as decodePerson } from "./decode.js";

const tokenKey = "curaway.token", personKey = "curaway.person";

export class Session {
    #storage;
    #load;
    /** @type {Clerk | null} */
    #clerk = null;
    #refused = false;
    #ending = false;

    /** @param {Storage} storage @param {(config: ClerkConfig) => Promise<Clerk>} load */
    constructor(storage, load) {
        this.#storage = storage;
        this.#load = load;
    }

    get signedIn() {
        return this.#clerk ? this.#clerk.signedIn && !this.#refused : this.#storage.getItem(tokenKey) !== null;
    }

    /** One signs in on Clerk's page, and the way there is open: before its script is here a tap would lead nowhere. */
    get elsewhere() {
        return this.#clerk !== null;
    }

    /** @param {boolean} [fresh] not one that was given before, if there can be another @returns {Promise<string | null>} */
    async token(fresh = false) {
        return this.#clerk ? await this.#clerk.token(fresh) : this.#storage.getItem(tokenKey);
    }

    /** Clerk says who is signed in. @param {ClerkConfig} config @param {() => void} ended it says that nobody is any more */
    async join(config, ended) {
        if (this.#clerk) return;
        this.#clerk = await this.#load(config);
        this.#clerk.watch(() => {
            if (!this.#ending) ended();
        });
    }

    /** Goes to Clerk's page and comes back. */
    async signIn() {
        await this.#clerk?.signIn();
    }

    /** @returns {Person | null} */
    get person() {
        try {
            return decodePerson(JSON.parse(this.#storage.getItem(personKey) ?? "null"));
        } catch {
            return null;
        }
    }

    /** @param {string | null} token null: Clerk's business @param {Person} person */
    begin(token, person) {
        if (this.person?.id !== person.id) this.#forget();
        if (token !== null) this.#storage.setItem(tokenKey, token);
        this.#storage.setItem(personKey, JSON.stringify(person));
    }

    /** The token is not taken any more: drafts stay, for the same person to go on with. */
    expire() {
        this.#refused = this.#clerk !== null;
        this.#storage.removeItem(tokenKey);
    }

    /** Nothing of this person may stay behind. */
    async end() {
        this.#ending = true;
        this.#forget();
        await this.#clerk?.signOut();
        this.#ending = false;
    }

    #forget() {
        for (const key of Object.keys(this.#storage)) if (key.startsWith("curaway.")) this.#storage.removeItem(key);
    }
}
