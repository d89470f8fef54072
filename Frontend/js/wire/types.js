// The words of docs/protocol, as far as they are used here, as types. Nothing runs here.

/** @typedef {"patient" | "ai" | "coordinator" | "system"} Sender */
/** @typedef {"complete" | "stopped" | "interrupted"} MessageStatus */
/** @typedef {"queued" | "running" | "finished" | "stopped" | "interrupted" | "failed"} ReplyState */
/** @typedef {"en" | "ar"} Language */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {number} sequence
 * @property {number} version
 * @property {Sender} sender_type
 * @property {string | null} sender_name
 * @property {"everyone" | "staff"} audience
 * @property {string} body
 * @property {string | null} reply_id
 * @property {string | null} client_message_id
 * @property {MessageStatus} status
 * @property {string | null} answered_by
 * @property {string} created_at
 */

/**
 * @typedef {object} Handling
 * @property {"ai" | "requested" | "coordinator"} state
 * @property {number} version
 * @property {string | null} by
 */

/**
 * @typedef {object} CareCase
 * @property {string} id
 * @property {string} title
 * @property {string} status
 * @property {number} version
 * @property {Handling} handling
 * @property {string} updated_at
 * @property {string | null} last_message
 */

/**
 * The reply a snapshot carries: in flight, or the case's last one if its newest attempt ended without a word.
 * @typedef {object} CurrentReply
 * @property {string} id
 * @property {ReplyState} state
 * @property {number} attempt
 * @property {number | null} sequence null only while queued
 * @property {number} through
 * @property {string} text
 * @property {string | null} started_at
 * @property {string | null} code
 */

/**
 * A reply, as POST chat, stop and retry answer it.
 * @typedef {object} ReplyResult
 * @property {string} id
 * @property {ReplyState} state
 * @property {number} attempt
 * @property {Message | null} message
 * @property {string | null} code
 */

/** @typedef {{message: Message, reply: ReplyResult | null}} ChatResult */
/** @typedef {{case: CareCase, messages: Message[], more: boolean, reply: CurrentReply | null, cursor: string,
 *     documents?: Readonly<Record<string, unknown>>[]}} Snapshot documents are decoded by those who show them */
/** @typedef {{messages: Message[], more: boolean}} Page */
/** @typedef {{id: string, name: string, role: string, language: string}} Person */
/** @typedef {{token: string, person: Person}} SignedIn */

/** @typedef {{publishable_key: string, frontend_api: string, script_url: string}} ClerkConfig */
/** @typedef {{advice: string, message_characters: number, document_bytes: number}} Config */

/** @typedef {{type: "ready" | "heartbeat" | "reset" | "auth_expired"}} SignalEvent */
/** @typedef {{type: "message", message: Message}} MessageEvent_ */
/** @typedef {{type: "reply.started", reply_id: string, attempt: number, sequence: number}} ReplyStarted */
/** @typedef {{type: "reply.delta", reply_id: string, attempt: number, n: number, text: string}} ReplyDelta */
/** @typedef {{type: "reply.snapshot", reply_id: string, attempt: number, sequence: number, through: number, text: string}} ReplySnapshot */
/**
 * @typedef {object} ReplyEnded
 * @property {"reply.finished" | "reply.stopped" | "reply.interrupted" | "reply.failed"} type
 * @property {string} reply_id
 * @property {number} attempt
 * @property {number | null} sequence null: not told
 * @property {string | null} message_id
 * @property {boolean} retryable
 * @property {string | null} code
 */
/** @typedef {{type: "handling", handling: Handling}} HandlingEvent */
/** @typedef {{type: "case", case: CareCase}} CaseEvent */
/** @typedef {{type: "document", document: Readonly<Record<string, unknown>>}} DocumentEvent */
/** @typedef {{type: "bye", reason: string, retry_ms: number}} ByeEvent */

/**
 * @typedef {SignalEvent | MessageEvent_ | ReplyStarted | ReplyDelta | ReplySnapshot | ReplyEnded | HandlingEvent
 *     | CaseEvent | DocumentEvent | ByeEvent} StreamEvent
 */

export {};
