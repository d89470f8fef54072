// What only the door asks of the server: how one signs in here, and who one is then.

/** @import {Api} from "./api.js" */
/** @import {ClerkConfig, Person, SignedIn} from "./types.js" */
import { fields, list, person, text } from "./decode.js";

/** How one signs in; null: with the development identity. @param {Api} api @returns {Promise<ClerkConfig | null>} */
export async function identity(api) {
    return (await api.ask("GET", "/api/v1/config", withClerk, { open: true })).clerk;
}

/** @param {Api} api @returns {Promise<Person[]>} */
export function people(api) {
    return api.ask("GET", "/dev/people", (said) => list(fields(said)?.people, person), { open: true });
}

/** @param {Api} api @param {string} person @returns {Promise<SignedIn>} */
export function signIn(api, person) {
    return api.ask("POST", "/dev/sign-in", signedIn, { open: true, body: { person } });
}

/** @param {Api} api @returns {Promise<Person>} */
export function me(api) {
    return api.ask("GET", "/api/v1/me", person);
}

/** @param {unknown} value @returns {SignedIn | null} */
function signedIn(value) {
    const from = fields(value);
    const token = text(from?.token), who = person(from?.person);
    return token !== null && who ? { token, person: who } : null;
}

/** @param {unknown} value @returns {{clerk: ClerkConfig | null} | null} */
function withClerk(value) {
    const config = fields(value), from = fields(config?.clerk);
    const publishable_key = text(from?.publishable_key), frontend_api = text(from?.frontend_api);
    const script_url = text(from?.script_url);
    if (!config) return null;
    if (publishable_key === null || frontend_api === null || script_url === null) return { clerk: null };
    return { clerk: { publishable_key, frontend_api, script_url } };
}
