// `./run --cluster` as it is: two nodes, PostgreSQL, Redis and nginx, begun by scripts/cluster and ended with it. In one engine,
// because what nodes do is the same for all of them.
//
//     node --test Tests/browser/cluster.test.mjs        after `swift build`

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { engines } from "./engines.mjs";
import { pdf } from "./papers.mjs";
import { action, Patient } from "./patient.mjs";
import { binary, environment, freePort, Server } from "./server.mjs";
import { stopProcess, until } from "./webdriver.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const patience = 120_000;
const answer = (id) => `li[data-message-id="${id}"]`;

/** Every process there is, by its number: its parent and what it was called with. */
async function processes() {
    const found = new Map();
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        try {
            const stat = await readFile(`/proc/${pid}/stat`, "utf8");
            const line = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").join(" ").trim();
            found.set(Number(pid), { parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]), line });
        } catch { /* It has ended meanwhile. */ }
    }
    return found;
}

/** How many pieces of a stream have brought words, and whether an answer has ended on it. */
function watched(response) {
    const seen = { pieces: 0, isOver: false };
    const decoder = new TextDecoder();
    const read = async () => {
        let tail = "";
        for await (const bytes of response.body) {
            const piece = decoder.decode(bytes, { stream: true });
            if (piece.includes("event: reply.delta")) seen.pieces++;
            tail = (tail + piece).slice(-1_000);
            if (tail.includes("event: reply.finished")) break;
        }
        seen.isOver = true;
    };
    // Nobody waits for it: a stream that is held back or breaks is not over, and whoever looks says so.
    read().catch(() => {});
    return seen;
}

class Cluster {
    output = "";
    #child;

    static async start(folder) {
        const cluster = new Cluster(), port = await freePort();
        cluster.#child = spawn(join(root, "scripts/cluster"), [binary(), String(port), folder], {
            env: { ...environment(), CURAWAY_GUIDE_PACE_MS: "80" },
            stdio: ["ignore", "pipe", "pipe"],
        });
        for (const stream of [cluster.#child.stdout, cluster.#child.stderr]) {
            stream.on("data", (words) => { cluster.output = (cluster.output + words).slice(-16_384); });
        }
        try {
            const said = await until("both nodes behind their address", () => {
                if (cluster.#child.exitCode !== null) throw new Error(`scripts/cluster ended with ${cluster.#child.exitCode}`);
                return cluster.output.match(/listens on (\S+)\/ \(two nodes: (\d+) (\d+)/);
            }, patience);
            cluster.server = Server.at(said[1]);
            cluster.nodes = said.slice(2, 4);
        } catch (error) {
            await cluster.stop();
            throw new Error(`${error.message}\n${cluster.output}`);
        }
        return cluster;
    }

    /** Everything that it has begun and that runs. */
    async children() {
        const all = await processes();
        const isOurs = (pid) => pid === this.#child.pid || all.has(pid) && isOurs(all.get(pid).parent);
        return [...all].filter(([pid]) => pid !== this.#child.pid && isOurs(pid)).map(([pid, { line }]) => ({ pid, line }));
    }

    /** The process of a node. */
    async node(port) {
        return (await this.children()).find(({ line }) => line.includes(`serve --port ${port} `));
    }

    /** What scripts/cluster exits with. */
    async stop() {
        await stopProcess(this.#child, patience);
        return this.#child.exitCode;
    }
}

let folder, cluster, browser;
before(async () => {
    folder = await mkdtemp(join(tmpdir(), "curaway-cluster-"));
    await chmod(folder, 0o755); // root lends a folder in it to PostgreSQL's own user
    browser = await engines[0].start();
});
after(async () => {
    await browser?.stop();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
});

test("two nodes behind one address: words come one by one, a node is killed in mid-answer, and all is there after a restart", async () => {
    cluster = await Cluster.start(folder);
    const { server } = cluster;
    const amina = await server.person("amina");
    const { id } = await amina.newCase({ title: "Two nodes" });
    const phone = await Patient.arrive(browser, server, id), laptop = await Patient.arrive(browser, server, id);
    const seen = (patient, reply) => patient.run((css) => {
        const li = document.querySelector(css);
        return { state: li?.dataset.state, text: li?.querySelector("[data-body]").textContent.trim() ?? "" };
    }, answer(reply));

    // Nothing on the way keeps words back. The page would not tell: it shows words one by one however they came.
    const stream = watched(await amina.raw(`/api/v1/cases/${id}/events`));
    await phone.send("How long would I stay?");
    const whole = await phone.until("a whole answer", ({ sender, state }) => sender === "ai" && state === "complete", patience);
    await until("its end on the stream", () => stream.isOver, patience);
    assert.ok(stream.pieces >= 5, `its words came in ${stream.pieces} pieces`);
    await until("the same in the other window", async () => (await seen(laptop, whole.id)).text === whole.text, patience);

    // A paper goes through the address too, and is read by one node for both.
    await phone.give("report.pdf", "application/pdf", pdf(["Haemoglobin 13.2 g/dL"], 0, 2));
    await phone.page.click(action("send"));
    for (const patient of [phone, laptop]) {
        await until("it is read", () => patient.page.has('li[data-stage="ready"]'), patience);
    }

    // Whichever of the nodes writes, the answer ends: by itself, or as interrupted and then by her word.
    await phone.send("What do you need from me?");
    const second = await until("its first words", async () => {
        const last = await phone.last();
        return last?.sender === "ai" && last.id !== whole.id && last.state === "streaming" && last.text && last;
    }, patience);
    process.kill((await cluster.node(cluster.nodes[0])).pid, "SIGKILL");
    const ended = await until("an end", async () => {
        const { state } = await seen(phone, second.id);
        return ["complete", "interrupted"].includes(state) && state;
    }, patience);
    if (ended === "interrupted") await phone.page.click(`${answer(second.id)} ${action("retry")}`);
    for (const patient of [phone, laptop]) {
        await until("complete", async () => (await seen(patient, second.id)).state === "complete", patience);
    }
    const { messages } = await amina.snapshot(id);
    assert.deepEqual(messages.filter((one) => one.reply_id).map(({ id, status }) => `${id} ${status}`).slice(-2), [
        `${whole.id} complete`,
        `${second.id} complete`,
    ]);
    assert.equal((await seen(phone, second.id)).text, (await seen(laptop, second.id)).text);
    await amina.say(id, `Thank you ${randomUUID()}`); // the address passes over the node that is gone
    await phone.page.close();
    await laptop.page.close();

    const begun = await cluster.children();
    for (const name of ["postgres", "redis-server", "nginx", `serve --port ${cluster.nodes[1]}`]) {
        assert.ok(begun.some(({ line }) => line.includes(name)), `${name} runs: ${begun.map(({ line }) => line).join("\n")}`);
    }
    assert.equal(await cluster.stop(), 143);
    const left = await processes();
    assert.deepEqual(begun.filter(({ pid, line }) => left.get(pid)?.line === line), [], "everything it began has ended");

    cluster = await Cluster.start(folder);
    const again = await (await cluster.server.person("amina")).snapshot(id);
    assert.deepEqual(again.messages.slice(0, messages.length), messages, "what was said is there after a restart");
    assert.equal(again.documents.map(({ stage }) => stage).join(), "ready");
    assert.equal(await cluster.stop(), 143);
});
