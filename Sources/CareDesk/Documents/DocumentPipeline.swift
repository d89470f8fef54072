package import CareDomain
import CareLog
import Synchronization

/// Reads what was received, one step after the other, each a fact on the patient's log. Several nodes may run it: each
/// document has one holder at a time, and what a dead one has kept is gone on with from the page after.
package final class DocumentPipeline: Sendable {
    package struct Settings: Sendable {
        /// Documents read at once on this node. Each costs a processor: more make no patient's document ready sooner.
        package var atOnce = 1
        /// A holder that is not heard of for this long has died.
        package var lease: Duration = .seconds(20)
        /// Beginnings of one document; a file that takes the process down with it ends as failed.
        package var tries = 4
        /// Pages read in one go; then a document lets others go first.
        package var turn = 10
        /// So does one whose pages have taken this long together, however few they were: a page may take minutes.
        package var turnTime: Duration = .seconds(60)
        /// Scalars of all its pages together; a document of more is `too_big_to_open`. A few thousand a page are usual.
        package var scalars = 2_000_000
        /// How often waiting documents are looked for without being woken.
        package var look: Duration = .seconds(1)
        package init() {}
    }

    private struct State {
        /// Claims this node holds or is about to.
        var held = 0
        var reading: [DocumentID: Task<Void, Never>] = [:]
        var isWanted = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let store: any DocumentStore
    private let blobs: any BlobStore
    private let reader: any DocumentReader
    private let scanner: (any VirusScanner)?
    private let extractor: @Sendable ([PageText]) async -> Extraction
    private let publisher: FactPublisher
    private let time: Timekeeper
    private let report: @Sendable (String) -> Void
    private let settings: Settings
    private let state = Mutex(State())

    /// `extractor` says what the pages hold; it ends within a minute or two and does not fail: rules need no model.
    package init(
        store: any DocumentStore, blobs: any BlobStore, reader: any DocumentReader, scanner: (any VirusScanner)?,
        extractor: @escaping @Sendable ([PageText]) async -> Extraction, publisher: FactPublisher,
        time: Timekeeper = .system, settings: Settings = Settings(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.blobs = blobs
        self.reader = reader
        self.scanner = scanner
        self.extractor = extractor
        self.publisher = publisher
        self.time = time
        self.settings = settings
        self.report = report
    }

    /// There is something to read: do not wait for the next look.
    package func wake() {
        let waiter = state.withLock { state in
            state.isWanted = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Stops reading a document that is gone.
    package func drop(_ id: DocumentID) { state.withLock { $0.reading[id] }?.cancel() }

    /// Reads until cancelled; what was begun then is given back, to be gone on with by whoever comes.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.clock() }
            while !Task.isCancelled {
                if hasRoom, let claim = await next() {
                    state.withLock { $0.held += 1 }
                    group.addTask { await self.hold(claim) }
                } else {
                    await rest()
                }
            }
            group.cancelAll()
        }
    }

    /// Wakes the loop once in `look`, also to end it.
    private func clock() async {
        while true {
            do { try await time.sleep(settings.look) } catch { break }
            wake()
        }
        wake()
    }

    private var hasRoom: Bool { state.withLock { $0.held < settings.atOnce } }

    private func rest() async {
        await withCheckedContinuation { continuation in
            let isWanted = state.withLock { state in
                defer { state.isWanted = false }
                if !state.isWanted { state.waiter = continuation }
                return state.isWanted
            }
            if isWanted { continuation.resume() }
        }
    }

    private func next() async -> DocumentClaim? {
        do {
            let now = time.now()
            return try await store.claim(lease: now + settings.lease, at: now)
        } catch is StoreUnavailable {
            return nil  // The store says so itself, once.
        } catch {
            if !(error is CancellationError) { report("looking for documents failed: \(type(of: error))") }
            return nil
        }
    }

    /// Holds the lease while one document is read, and lets go of everything when it is lost.
    private func hold(_ claim: DocumentClaim) async {
        let id = claim.document.id
        // Unstructured so that `drop` can end it alone; awaited below, and cancelled with this task.
        let work = Task { await self.work(on: claim) }
        state.withLock { $0.reading[id] = work }
        let keeper = Task { await self.keep(claim, work) }
        await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
        keeper.cancel()
        await keeper.value
        state.withLock { state in
            state.reading[id] = nil
            state.held -= 1
        }
        wake()
    }

    private func keep(_ claim: DocumentClaim, _ work: Task<Void, Never>) async {
        while (try? await time.sleep(settings.lease / 4)) != nil {
            do {
                guard try await store.renew(claim, lease: time.now() + settings.lease) else { return work.cancel() }
            } catch {
                // The store is away. Somebody else may take it over when the lease is over; `advance` then says so.
            }
        }
    }

    private func work(on claim: DocumentClaim) async {
        let topic = Topic.patient(claim.document.patientID)
        let last: DocumentStep
        do {
            guard claim.tries <= settings.tries else {
                // What never got past the scanner has not been checked, and says so.
                throw scanner != nil && claim.document.stage == .received ? ReaderTrouble.scanner : ReaderTrouble.broken
            }
            guard let ending = try await read(claim) else { return }
            last = ending
        } catch let refusal as DocumentRefusal {
            last = .rejected(refusal)
        } catch let trouble as ReaderTrouble {
            // That a tool or the scanner is away is for the operator; what is slow is the file's.
            if trouble != .slow { report("a document could not be read: \(trouble.rawValue)") }
            last = .failed(trouble)
        } catch is StoreUnavailable {
            return  // The lease ends, and it is gone on with when the store is back.
        } catch let error as BlobStoreUnavailable {
            // Not this document's fault. Mostly every other's too; but it may be these bytes alone that cannot be opened, and then
            // those behind it must not wait for them for ever.
            report("documents cannot be read: \(error.reason)")
            try? await time.sleep(settings.lease / 4)
            return await giveBack(claim, afterTurn: true)
        } catch {
            guard !Task.isCancelled, !(error is CancellationError) else { return await giveBack(claim) }
            report("reading a document failed: \(type(of: error))")
            last = .failed(.broken)
        }
        do {
            // The store first, as with a deletion: from then on nobody is given an infected file, whatever becomes of its bytes.
            let isSaved = try await store.advance(claim, by: last, at: time.now()) != nil
            if !isSaved || last == .rejected(.infected) { await sweep(claim) }
        } catch {
            // As above: the lease ends.
        }
        await publisher.publish(topic)
    }

    /// Shielded from a cancellation that brought us here: a node that leaves gives back what it holds. When it was the deletion of
    /// the document, a page may have been written after its bytes went.
    private func giveBack(_ claim: DocumentClaim, afterTurn: Bool = false) async {
        await Task {
            try? await store.release(claim, afterTurn: afterTurn)
            await sweep(claim)
        }.value
    }

    /// How it ended; nil when it is somebody else's or nobody's any more, or when its turn is over.
    private func read(_ claim: DocumentClaim) async throws -> DocumentStep? {
        var document = claim.document
        func advance(_ step: DocumentStep) async throws -> Bool {
            guard let next = try await store.advance(claim, by: step, at: time.now()) else {
                await sweep(claim)
                return false
            }
            document = next
            await publisher.publish(.patient(document.patientID))
            try Task.checkCancellation()
            return true
        }
        let original = BlobKey(document.id, .original)
        if document.stage == .received {
            if let scanner {
                let verdict = try await blobs.withFile(of: original) { try await scanner.scan($0) }
                guard verdict == .clean else { return .rejected(.infected) }
            }
            guard try await advance(.scanned(byScanner: scanner != nil)) else { return nil }
        }
        if document.stage == .scanned || document.stage == .reading {
            let file = try await blobs.withFile(of: original) { try await self.reader.inspect($0) }
            if document.stage == .scanned {
                guard try await advance(.opened(mediaType: file.mediaType, pages: file.pages)) else { return nil }
            }
            var scalars = try await read(of: document)
            let (first, began) = (document.page, time.now())
            while document.page < document.pages {
                let isOver = document.page >= first + settings.turn || time.now() - began >= settings.turnTime
                guard !isOver || document.page == first else {
                    try await store.release(claim, afterTurn: true)
                    return nil
                }
                let number = document.page + 1
                let page = try await blobs.withFile(of: original) { path in
                    try await self.reader.read(
                        page: number, of: InspectedFile(path: path, mediaType: file.mediaType, pages: file.pages))
                }
                scalars += page.text.text.unicodeScalars.count
                guard scalars <= settings.scalars else { return .rejected(.tooBig) }
                // The picture first: a page that is told has one.
                if let picture = page.picture { try await blobs.put(picture, as: BlobKey(document.id, .page(number))) }
                let content = PageContent(text: page.text, hasPicture: page.picture != nil)
                guard try await advance(.page(content)) else { return nil }
            }
            guard try await advance(.extracting) else { return nil }
        }
        let pages = try await store.content(of: document.id)?.pages.map(\.text) ?? []
        guard pages.contains(where: { page in page.text.contains { !$0.isWhitespace } }) else {
            return .rejected(.nothingToRead)
        }
        let extraction = await extractor(pages)
        try Task.checkCancellation()
        return .ready(extraction)
    }

    /// Scalars of the pages that are kept already.
    private func read(of document: Document) async throws -> Int {
        guard document.page > 0, let content = try await store.content(of: document.id) else { return 0 }
        return content.pages.reduce(0) { $0 + $1.text.text.unicodeScalars.count }
    }

    /// An infected file, or a page that was written while its document was deleted: nobody else would look for it before the next
    /// tidying, with which goes what cannot be removed now.
    private func sweep(_ claim: DocumentClaim) async {
        guard let now = try? await store.document(claim.document.id), now.stage == .deleted || now.isInfected else {
            return
        }
        try? await blobs.removeAll(of: claim.document.id)
    }
}
