// Where the suites about the conversation take place: a model that says what the test wants, a server that asks it, a
// browser of one engine, and Amina as the server knows her. It lives as long as the suite; her window as long as a test.

import { Model } from "./model.mjs";
import { Server } from "./server.mjs";

export class Room {
    model = null;
    server = null;
    browser = null;
    amina = null;

    static async open(engine) {
        const room = new Room();
        try {
            room.model = await Model.start();
            room.server = await Server.start({ settings: room.model.settings });
            room.browser = await engine.start();
            room.amina = await room.server.person("amina");
        } catch (error) {
            await room.close(); // what did begin must not outlive the suite
            throw error;
        }
        return room;
    }

    async close() {
        await this.browser?.stop();
        await this.server?.stop();
        await this.model?.stop();
    }
}
