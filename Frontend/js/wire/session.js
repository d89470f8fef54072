// Who is signed in, in this tab. sessionStorage, so that closing the tab is signing out.

/** @import {Person} from "./types.js" */
import { person as decodePerson } from "./decode.js";

const tokenKey = "curaway.token", personKey = "curaway.person";

export class Session {
    #storage;

    /** @param {Storage} storage */
    constructor(storage) {
        this.#storage = storage;
    }

    get token() {
        return this.#storage.getItem(tokenKey);
    }

    /** @returns {Person | null} */
    get person() {
        try {
            return decodePerson(JSON.parse(this.#storage.getItem(personKey) ?? "null"));
        } catch {
            return null;
        }
    }

    /** @param {string} token @param {Person} person */
    begin(token, person) {
        if (this.person?.id !== person.id) this.end();
        this.#storage.setItem(tokenKey, token);
        this.#storage.setItem(personKey, JSON.stringify(person));
    }

    /** The token is not taken any more: drafts stay, for the same person to go on with. */
    expire() {
        this.#storage.removeItem(tokenKey);
    }

    /** Nothing of this person may stay behind. */
    end() {
        for (const key of Object.keys(this.#storage)) if (key.startsWith("curaway.")) this.#storage.removeItem(key);
    }
}
