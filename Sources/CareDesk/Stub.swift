package import CareDomain
struct Intent { func of(_ text: String) -> Wish { .none } }
enum Emergency { case any }
enum Wish { case none, person, emergency(Emergency) }
enum EmergencyAnswer { static func text(for: Emergency, in: Language) -> String { "" } }
package struct Guide: LanguageModel {
    package init(pace: Duration = .zero) {}
    package func words(for: Prompt) -> String { "" }
    package var author: Message.Author { .guide }
    package func greeting(in: Language, name: String?) -> String { "Hello" }
    package func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
        for w in ["One ", "two ", "three."] { await emit(.text(w)); try? await Task.sleep(for: .milliseconds(40)) }
        await emit(.finished(.complete))
    }
}
package enum SystemPrompt { package static func text(in: Language) -> String { "" } }
