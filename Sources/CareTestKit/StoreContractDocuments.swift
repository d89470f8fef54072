import CareDesk
import CareDomain
import CareLog

/// What every store must do with documents.
extension StoreContract {
    package static let documents: [(name: String, check: Check)] = [
        ("an upload is the patient's own, counted, and over once it is a document", uploads),
        ("the same bytes in one case are one document, until it is deleted", sameBytes),
        ("one holder at a time, and a late one changes nothing", claims),
        ("many documents of one patient stand behind the first of another, and one tried again behind both", turns),
        ("each step is a fact with a higher version, and the pages stay", steps),
        ("what failed can be tried again from the beginning, and nothing else", retriedDocuments),
        ("a deleted document keeps its place and nothing else, and is found by no search", deletes),
        ("a search finds the pages that have all words, in both scripts, of this patient alone", searches),
        ("uploads that nobody went on with, and bytes that nobody owns, are found", leftovers),
    ]

    static func upload(
        _ store: Store, in careCase: CareCase, of patient: PersonID = Cast.amina.id, name: String = "a.pdf",
        at moment: Moment = now, limits: UploadLimits = UploadLimits()
    ) async throws -> (Upload, UploadBegun) {
        let upload = Upload(
            id: .new(), patientID: patient, caseID: careCase.id, name: name, bytes: 10, touchedAt: moment)
        return (upload, try await store.begin(upload, limits: limits))
    }

    static func document(_ store: Store, in careCase: CareCase, digest: String = "d1") async throws -> Document {
        let (upload, begun) = try await upload(store, in: careCase)
        try expect(begun == .begun, "it began")
        guard case .received(let document) = try await store.receive(upload.id, bytes: 10, digest: digest, at: now)
        else { throw EventLogContract.Broken(description: "it was not received") }
        return document
    }

    static func claim(_ store: Store, at moment: Moment = now) async throws -> DocumentClaim {
        guard let claim = try await store.claim(lease: moment + .seconds(20), at: moment) else {
            throw EventLogContract.Broken(description: "there was nothing to claim")
        }
        return claim
    }

    static func page(_ number: Int, _ text: String) -> PageContent {
        PageContent(text: PageText(number: number, text: text), hasPicture: true)
    }

    static func readThrough(
        _ store: Store, _ text: String, in careCase: CareCase, digest: String
    ) async throws -> Document {
        _ = try await document(store, in: careCase, digest: digest)
        let claim = try await claim(store)
        for step in [
            .scanned(byScanner: true), .opened(mediaType: "application/pdf", pages: 1), .page(page(1, text)),
            .extracting,
            .ready(Extraction(kind: .laboratory)),
        ] as [DocumentStep] {
            _ = try await store.advance(claim, by: step, at: now)
        }
        guard let ready = try await store.document(claim.document.id) else {
            throw EventLogContract.Broken(description: "it is gone")
        }
        return ready
    }

    private static func uploads(_ store: Store) async throws {
        let mine = try await open(store)
        let (first, begun) = try await upload(store, in: mine)
        try expect(begun == .begun, "it began")
        try expect(try await store.upload(first.id) == first, "it is kept as it was announced")
        let others = try await upload(store, in: mine, of: Cast.tom.id).1
        try expect(others == .noSuchCase, "not in another patient's case")
        var limits = UploadLimits()
        limits.open = 1
        let second = try await upload(store, in: mine, limits: limits).1
        try expect(second == .tooManyOpen, "one more than the limit is refused")
        let known = try await store.receive(first.id, bytes: 7, digest: "d", at: now)
        guard case .received(let document) = known else {
            throw EventLogContract.Broken(description: "it was not received")
        }
        try expect(document.bytes == 7 && document.stage == .received && document.name == "a.pdf", "with what it has")
        try expect(try await store.upload(first.id) == nil, "the upload is over")
        let again = try await store.receive(first.id, bytes: 7, digest: "d", at: now)
        try expect(again == .received(document), "told again, it is the same document")
        limits.open = 20
        limits.documents = 1
        let third = try await upload(store, in: mine, limits: limits).1
        try expect(third == .tooManyDocuments, "one document more than the limit is refused")
    }

    private static func sameBytes(_ store: Store) async throws {
        let mine = try await open(store)
        let first = try await document(store, in: mine)
        let (upload, _) = try await upload(store, in: mine)
        let same = try await store.receive(upload.id, bytes: 10, digest: "d1", at: now)
        try expect(same == .known(first), "the same bytes are the same document")
        try expect(try await store.upload(upload.id) == nil, "and the upload is over")
        _ = try await store.delete(first.id, at: now, noting: nil)
        let third = try await document(store, in: mine)
        try expect(third.id != first.id, "a deleted one is not found again")
        let claimed = try await claim(store)
        _ = try await store.advance(claimed, by: .rejected(.damaged), at: now)
        let fourth = try await document(store, in: mine)
        try expect(fourth.id != claimed.document.id, "one that was rejected can be given again")
        let other = try await open(store)
        let (elsewhere, _) = try await self.upload(store, in: other)
        guard case .received(let own) = try await store.receive(elsewhere.id, bytes: 10, digest: "d1", at: now),
            own.caseID == other.id
        else { throw EventLogContract.Broken(description: "another case of hers has no document of its own") }
        let toms = try await store.open(
            CaseDraft(patient: Cast.tom.id, title: "Hip", language: .english, greeting: "Hello", at: now)
        ).careCase
        let (his, _) = try await self.upload(store, in: toms, of: Cast.tom.id)
        guard case .received = try await store.receive(his.id, bytes: 10, digest: "d1", at: now) else {
            throw EventLogContract.Broken(description: "another patient's bytes told on")
        }
    }

    private static func claims(_ store: Store) async throws {
        let mine = try await open(store)
        _ = try await document(store, in: mine)
        let first = try await claim(store)
        try expect(first.tries == 1, "the first try")
        try expect(try await store.claim(lease: lease, at: now) == nil, "it is held")
        let later = now + .seconds(21)
        let second = try await claim(store, at: later)
        try expect(second.tries == 2 && second.number > first.number, "a lapsed one is taken over")
        try expect(try await store.renew(first, lease: later) == false, "the late one cannot renew")
        let late = try await store.advance(first, by: .scanned(byScanner: true), at: later)
        try expect(late == nil, "and changes nothing")
        try expect(try await store.renew(second, lease: later + .seconds(20)), "the new one renews")
        try await store.release(second, afterTurn: false)
        let third = try await claim(store, at: later)
        try expect(third.tries == 2, "one given back was no try")
        _ = try await store.advance(third, by: .scanned(byScanner: true), at: later)
        let fourth = try await claim(store, at: later + .seconds(30))
        try expect(fourth.tries == 1, "a step that was made begins the tries anew")
        let short = try await document(store, in: mine, digest: "d2")
        try await store.release(fourth, afterTurn: true)
        let other = try await claim(store, at: later)
        try expect(other.document.id == short.id, "who has had a turn lets the others go first")
        _ = try await store.advance(other, by: .rejected(.damaged), at: later)
        let fifth = try await claim(store, at: later)
        try expect(fifth.document.id == third.document.id && fifth.tries == 1, "and goes on then")
        let done = try await store.advance(fifth, by: .rejected(.damaged), at: later)
        try expect(done?.code == "damaged" && done?.stage == .rejected, "and ends it")
        try expect(try await store.claim(lease: later, at: later + .seconds(100)) == nil, "what is over is not claimed")
    }

    /// Tom's, given later than everything of Amina's.
    private static func toms(_ store: Store, digest: String) async throws -> Document {
        let later = now + .seconds(60)
        let his = try await store.open(
            CaseDraft(patient: Cast.tom.id, title: "Hip", language: .english, greeting: "Hello", at: later)
        ).careCase
        let begun = try await upload(store, in: his, of: Cast.tom.id, at: later).0
        guard case .received(let document) = try await store.receive(begun.id, bytes: 10, digest: digest, at: later)
        else { throw EventLogContract.Broken(description: "Tom's was not received") }
        return document
    }

    private static func turns(_ store: Store) async throws {
        let mine = try await open(store)
        var hers: [DocumentID] = []
        for number in 1...5 { hers.append(try await document(store, in: mine, digest: "a\(number)").id) }
        let his = try await toms(store, digest: "t1")
        let first = try await claim(store)
        try expect(first.document.id == hers[0], "who came first goes first")
        let second = try await claim(store)
        try expect(second.document.id == his.id, "another patient's is not behind all five")
        let third = try await claim(store)
        try expect(third.document.id == hers[1], "then the patient's next, in their order")
        // What has had a turn goes on behind the patient's own others, and never before another's first.
        try await store.release(first, afterTurn: true)
        _ = try await store.advance(second, by: .rejected(.damaged), at: now)
        _ = try await store.advance(third, by: .failed(.slow), at: now)
        guard case .received(let again) = try await store.retry(hers[1], at: now, noting: nil) else {
            throw EventLogContract.Broken(description: "it was not taken again")
        }
        let next = try await toms(store, digest: "t2")
        var order: [DocumentID] = []
        for _ in 1...6 { order.append(try await claim(store).document.id) }
        try expect(
            order == [hers[2], next.id, hers[3], hers[4], hers[0], again.id],
            "the rest, another's new one in between, the one that had its turn, the one that is tried again")
    }

    private static func steps(_ store: Store) async throws {
        let mine = try await open(store)
        let received = try await document(store, in: mine)
        let claim = try await claim(store)
        var extraction = Extraction(kind: .laboratory)
        extraction.items = [
            .init(category: .measurement, name: "Hb", value: "13.2", unit: "g/dL", page: 1, passage: "Hb 13.2 g/dL")
        ]
        var stages: [Document.Stage] = []
        for step in [
            .scanned(byScanner: false), .opened(mediaType: "image/png", pages: 2), .page(page(1, "Hb 13.2 g/dL")),
            .page(page(2, "")), .extracting, .ready(extraction),
        ] as [DocumentStep] {
            guard let next = try await store.advance(claim, by: step, at: now) else {
                throw EventLogContract.Broken(description: "a step was refused")
            }
            stages.append(next.stage)
        }
        try expect(stages == [.scanned, .reading, .reading, .reading, .extracting, .ready], "in order, \(stages)")
        let facts = try await store.pendingFacts(of: topic, limit: 100).compactMap { fact -> Document? in
            if case .document(let document) = fact.event { document } else { nil }
        }
        try expect(facts.map(\.version) == Array(1...7), "each is a fact")
        try expect(facts.last == (try await store.document(received.id)), "the last one is how it stands")
        try expect(facts.last?.kind == .laboratory && facts.last?.isScanned == false, "with what it is")
        let content = try await store.content(of: received.id)
        try expect(content?.extraction == extraction, "what was found is kept")
        try expect(content?.pages == [page(1, "Hb 13.2 g/dL"), page(2, "")], "and the pages")
        let late = try await store.advance(claim, by: .extracting, at: now)
        try expect(late == nil, "what is over stays")
    }

    private static func retriedDocuments(_ store: Store) async throws {
        let mine = try await open(store)
        let received = try await document(store, in: mine)
        try expect(try await store.retry(received.id, at: now, noting: nil) == .notFailed, "not while it is read")
        let claim = try await claim(store)
        _ = try await store.advance(claim, by: .opened(mediaType: "image/png", pages: 1), at: now)
        _ = try await store.advance(claim, by: .page(page(1, "x")), at: now)
        _ = try await store.advance(claim, by: .failed(.slow), at: now)
        guard case .received(let again) = try await store.retry(received.id, at: now, noting: nil) else {
            throw EventLogContract.Broken(description: "it was not taken again")
        }
        try expect(again.stage == .received && again.code == nil && again.page == 0, "from the beginning")
        try expect(try await store.content(of: received.id)?.pages == [], "without the old pages")
        try expect(try await self.claim(store).tries == 1, "with all its tries")
        try expect(try await store.retry(.new(), at: now, noting: nil) == .noSuchDocument, "only what is there")
    }

    private static func deletes(_ store: Store) async throws {
        let mine = try await open(store)
        let ready = try await readThrough(store, "Haemoglobin 13.2", in: mine, digest: "d1")
        let entry = AuditEntry(
            at: now, person: Cast.priya.id, session: nil, right: .deleteDocument, caseID: nil,
            patientID: Cast.amina.id, outcome: .done, request: "r")
        let gone = try await store.delete(ready.id, at: now, noting: entry)
        try expect(
            gone?.stage == .deleted && gone?.name == "" && gone?.bytes == 0 && gone?.kind == nil, "nothing is left")
        try expect((gone?.version ?? 0) > ready.version && gone?.sequence == ready.sequence, "but its place")
        try expect(try await store.content(of: ready.id)?.pages == [], "no page")
        try expect(try await store.content(of: ready.id)?.extraction == nil, "no finding")
        try expect(try await store.search(["haemoglobin"], of: Cast.amina.id, limit: 5) == [], "no word")
        try expect(try await store.documents(of: Cast.amina.id, limit: 5) == [], "it is not listed")
        try expect(try await store.documents(in: mine.id, limit: 5) == [gone].compactMap(\.self), "but has its place")
        try expect(try await store.delete(ready.id, at: now, noting: entry) == gone, "twice is once")
        try expect(try await store.delete(.new(), at: now, noting: nil) == nil, "only what is there")
    }

    private static func searches(_ store: Store) async throws {
        let mine = try await open(store)
        let english = try await readThrough(store, "Haemoglobin: 13.2 g/dL\nFerritin low", in: mine, digest: "d1")
        let arabic = try await readThrough(store, "خضاب الدم ١٣٫٢ أظهر الفحصُ", in: mine, digest: "d2")
        func found(_ question: String, of patient: PersonID = Cast.amina.id) async throws -> [DocumentID] {
            try await store.search(SearchWords.words(of: question), of: patient, limit: 5).map(\.documentID)
        }
        try expect(try await found("HAEMOGLOBIN ferritin") == [english.id], "all words, whatever their case")
        try expect(try await found("haemoglobin zinc") == [], "not some of them")
        try expect(try await found("ferri") == [english.id], "the beginning of the last word")
        try expect(try await found("13.2 g/dL") == [english.id], "numbers")
        try expect(try await found("اظهر الفحص") == [arabic.id], "Arabic, whatever its signs")
        try expect(try await found("13 2 خضاب") == [arabic.id], "and its digits")
        try expect(try await found("haemoglobin", of: Cast.tom.id) == [], "nobody else's")
        for hostile in ["\" OR 1", "a'b & | ! ( )", "NEAR(x)", "x:*", "-", "%_"] { _ = try await found(hostile) }
    }

    private static func leftovers(_ store: Store) async throws {
        let mine = try await open(store)
        let (old, _) = try await upload(store, in: mine)
        let (young, _) = try await upload(store, in: mine, at: now + .seconds(100))
        let untouched = try await store.uploads(untouchedSince: now + .seconds(50), limit: 5)
        try expect(untouched == [old], "the old one alone")
        try await store.touch(old.id, at: now + .seconds(100))
        try expect(try await store.uploads(untouchedSince: now + .seconds(50), limit: 5) == [], "until it is touched")
        let ready = try await document(store, in: mine)
        let gone = try await document(store, in: mine, digest: "d2")
        _ = try await store.delete(gone.id, at: now, noting: nil)
        let ill = try await claim(store)
        try expect(ill.document.id == ready.id, "the one that is left")
        _ = try await store.advance(ill, by: .rejected(.infected), at: now)
        let damaged = try await document(store, in: mine, digest: "d3")
        _ = try await store.advance(try await claim(store), by: .rejected(.damaged), at: now)
        let waiting = try await document(store, in: mine, digest: "d4")
        let stranger = DocumentID.new()
        let left = try await store.leftovers(
            among: [old.id, young.id, ready.id, damaged.id, waiting.id, gone.id, stranger])
        try expect(
            left == Leftovers(condemned: [ready.id, gone.id], unknown: [stranger]),
            "infected, deleted, never heard of, and nothing else: \(left)")
        let touched = try await store.cancelUpload(young.id, untouchedSince: young.touchedAt)
        try expect(!touched, "somebody has sent to it since")
        try expect(try await store.cancelUpload(old.id, untouchedSince: nil), "it was there")
        try expect(try await store.cancelUpload(old.id, untouchedSince: nil) == false, "and is no more")
    }
}
