// A model that says what a test wants to hear: an OpenAI-compatible server on loopback whose answers are written by the
// test, piece by piece, as slowly or as quickly as it likes. The Curaway server in front of it is the real one.

import { once } from "node:events";
import { createServer } from "node:http";

export class Model {
    #server;
    /** How it answers: a function of the last words it was told, giving pieces of text; what it throws breaks it off. */
    answer = async function* () { yield "Yes."; };

    static async start() {
        const model = new Model();
        model.#server = createServer((request, response) => {
            model.#serve(request, response).catch(() => response.destroy());
        }).listen(0, "127.0.0.1");
        await once(model.#server, "listening");
        return model;
    }

    /** The settings of a server that asks this model, with the people of the demonstration. */
    settings = () => ({
        CURAWAY_DEMO: "true",
        CURAWAY_MODEL: "openai",
        CURAWAY_OPENAI_BASE_URL: `http://127.0.0.1:${this.#server.address().port}/v1`,
        CURAWAY_MESSAGES_PER_MINUTE: "10000",
    });

    async stop() {
        this.#server.closeAllConnections();
        this.#server.close();
        await once(this.#server, "close");
    }

    async #serve(request, response) {
        let body = "";
        for await (const chunk of request) body += chunk;
        const said = JSON.parse(body).messages.findLast(({ role }) => role === "user")?.content ?? "";
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.flushHeaders();
        const send = (delta, reason = null) => {
            const choices = [{ index: 0, delta, finish_reason: reason }];
            response.write(`data: ${JSON.stringify({ object: "chat.completion.chunk", choices })}\n\n`);
        };
        for await (const content of this.answer(String(said))) {
            if (response.destroyed) return; // stopped: nobody listens any more
            send({ content });
        }
        send({}, "stop");
        response.end("data: [DONE]\n\n");
    }
}

/** A door that stays shut until it is opened; what waits before it is an unfinished answer. */
export function gate() {
    let open;
    const passed = new Promise((resolve) => { open = resolve; });
    return { passed, open };
}
