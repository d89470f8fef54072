// One case as tests need it: what a snapshot says of it, with as little spelled out as possible.
import { initial, reduce } from "../js/model/conversation.js";

/** @import {CurrentReply, Message, Snapshot} from "../js/wire/types.js" */

/** @param {Partial<Message> & {id: string}} some @returns {Message} */
export function message(some) {
    return {
        sequence: 1,
        version: 1,
        sender_type: "patient",
        sender_name: null,
        audience: "everyone",
        body: "words",
        reply_id: null,
        client_message_id: null,
        status: "complete",
        answered_by: null,
        created_at: "2026-11-23T10:00:00.000Z",
        ...some,
    };
}

/** @param {Partial<CurrentReply>} [some] @returns {CurrentReply} */
export function running(some) {
    return {
        id: "r",
        state: "running",
        attempt: 1,
        sequence: 2,
        through: 0,
        text: "",
        started_at: null,
        code: null,
        ...some,
    };
}

/** @param {Message[]} messages @param {CurrentReply | null} [reply] @param {boolean} [more] @returns {Snapshot} */
export function snapshot(messages, reply = null, more = false) {
    /** @type {Snapshot["case"]} */
    const about = {
        id: "c",
        title: "Knee",
        status: "intake",
        version: 1,
        handling: { state: "ai", version: 0, by: null },
        updated_at: "",
        last_message: null,
    };
    return { case: about, messages, more, reply, cursor: "e-1" };
}

/** @param {Snapshot} first */
export function opened(first) {
    return reduce(reduce(initial("c"), { type: "sync.began" }), { type: "snapshot", snapshot: first, at: 0 });
}
