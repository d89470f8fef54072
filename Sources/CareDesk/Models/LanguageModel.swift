package import CareDomain

/// Writes answers. Implementations put the technology first: `AnthropicModel`, `OpenAIModel`, `Guide`.
///
/// Guarantees an implementation gives:
/// - `emit` is called in order, one call at a time, and awaited: that is the backpressure, nothing is buffered here.
/// - Exactly one terminal event (`finished` or `failed`) comes last, unless the task was cancelled.
/// - Cancelling the task closes the upstream request and returns promptly (well under 50 ms), with no further `emit`.
/// - A close without the protocol's own end mark is `failed(.truncated)`, never `finished`.
/// - It makes one request and does not retry: `Answering` decides that, because only it knows whether a word was shown.
/// - It never logs or puts into an error what was said.
package protocol LanguageModel: Sendable {
    /// What is written beside an answer it gave.
    var author: Message.Author { get }

    func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async
}

/// What a model is asked. Already bounded: the desk cuts history to the token budget before it gets here.
package struct Prompt: Sendable, Hashable {
    package var system: String
    /// Oldest first, starting with a patient's turn and ending with one; neighbouring turns may have the same role.
    package var turns: [Turn]
    /// The language the case is held in; the patient's own words may be in another.
    package var language: Language
    /// Opaque, never a name or number (Anthropic `metadata.user_id`).
    package var userHash: String
    /// What the case's documents say, quoted as the words of strangers (`PapersWriter`); it stands before the last turn.
    package var material: String?
    /// The same for who needs no model to read them.
    package var papers: [Paper] = []
    /// Documents of the case that were read and are not among these: nobody may say what does not stand in them.
    package var papersLeftOut = 0
    /// Tokens that its answer needs when the model's setting has fewer; nil: the setting's. A setting that leaves it to the server
    /// is left alone.
    package var answerTokens: Int?

    package struct Turn: Sendable, Hashable {
        package enum Speaker: Sendable, Hashable { case patient, assistant }
        package var speaker: Speaker
        package var text: String
        package init(_ speaker: Speaker, _ text: String) {
            self.speaker = speaker
            self.text = text
        }
    }

    package init(system: String, turns: [Turn], language: Language, userHash: String) {
        self.system = system
        self.turns = turns
        self.language = language
        self.userHash = userHash
    }
}

package enum ModelEvent: Sendable, Hashable {
    /// The upstream accepted the request. `requestID` is what its operator would ask for.
    case started(requestID: String?, model: String?)
    /// Text a patient may see; never a model's thinking. Never empty.
    case text(String)
    /// Cumulative; a later one replaces an earlier one.
    case usage(ModelUsage)
    case finished(FinishReason)
    case failed(ModelFailure)

    package enum FinishReason: Sendable, Hashable { case complete, length, refusal, other }
}

package struct ModelUsage: Sendable, Hashable {
    package var inputTokens: Int
    package var outputTokens: Int
    package init(inputTokens: Int = 0, outputTokens: Int = 0) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }
}

package struct ModelFailure: Sendable, Hashable, Error {
    package enum Kind: String, Sendable, Hashable {
        /// 408, 409, 429 with or without advice, 5xx, 529: asking again may help.
        case busy
        /// The connection could not be made or broke before the head of the response.
        case unreachable
        /// No byte for the idle timeout.
        case idle
        /// The body ended without its end mark, or with an error event.
        case truncated
        /// Bytes that are not the protocol.
        case malformed
        /// Our key or our request is wrong, or a spend limit is reached: asking again cannot help.
        case refused
    }
    package var kind: Kind
    /// What the upstream said to wait.
    package var retryAfter: Duration?
    package var status: Int?
    /// The upstream's `request-id`, for the operator. No content.
    package var requestID: String?

    package init(_ kind: Kind, retryAfter: Duration? = nil, status: Int? = nil, requestID: String? = nil) {
        self.kind = kind
        self.retryAfter = retryAfter
        self.status = status
        self.requestID = requestID
    }

    /// May the same request be sent again (given that nothing was shown)?
    package var mayRetry: Bool { kind != .refused && kind != .malformed }
}
