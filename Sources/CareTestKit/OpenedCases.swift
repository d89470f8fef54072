package import CareDesk

extension CaseStore {
    /// Opens a case where how many there are is not what a test is about.
    package func open(_ draft: CaseDraft) async throws -> Opened {
        guard let opened = try await open(draft, atMost: .max) else {
            throw EventLogContract.Broken(description: "no case was opened")
        }
        return opened
    }
}
