// Puts the parts together. The only file that knows the real network, clock and storage.

import { Api } from "./wire/api.js";
import { uuid, wallClock } from "./wire/clock.js";
import { Correspondence } from "./wire/correspondence.js";
import { Session } from "./wire/session.js";
import { CaseList } from "./view/cases.js";
import { Chat } from "./view/chat.js";
import { Composer } from "./view/composer.js";
import { Shell } from "./view/shell.js";
import { SignIn } from "./view/sign-in.js";

customElements.define("curaway-composer", Composer);
customElements.define("curaway-chat", Chat);
customElements.define("curaway-cases", CaseList);
customElements.define("curaway-sign-in", SignIn);
customElements.define("curaway-app", Shell);

// Fetched when it is needed: an installation without Clerk never is.
const session = new Session(sessionStorage, async (config) => (await import("./wire/clerk.js")).openClerk(config));
const api = new Api({
    fetch: (...request) => fetch(...request),
    token: (fresh) => session.token(fresh),
    refused: () => shell.refused(),
});

const shell = new Shell({
    api,
    session,
    correspond: (caseId) =>
        new Correspondence(caseId, {
            api,
            uuid,
            clock: wallClock,
            random: Math.random,
            storage: sessionStorage,
            hidden: () => document.hidden,
        }),
});
document.body.append(shell);
