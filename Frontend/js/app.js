// Puts the parts together. The only file that knows the real network, clock and storage.

import { preferred, speak } from "./i18n/language.js";
import { Api } from "./wire/api.js";
import { uuid, wallClock } from "./wire/clock.js";
import { Correspondence } from "./wire/correspondence.js";
import { place } from "./wire/page.js";
import { Session } from "./wire/session.js";
import { CaseList } from "./view/cases.js";
import { Chat } from "./view/chat.js";
import { Composer } from "./view/composer.js";
import { Shell } from "./view/shell.js";

customElements.define("curaway-composer", Composer);
customElements.define("curaway-chat", Chat);
customElements.define("curaway-cases", CaseList);
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
            place,
        }),
});
await speak(preferred(session.person?.language ?? navigator.language));
document.querySelector(".boot")?.remove();
document.body.append(shell);
performance.mark("curaway.ready");
