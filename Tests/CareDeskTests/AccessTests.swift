import CareDesk
import CareDomain
import CareTestKit
import Testing

/// What the table must never say, whoever edits it. That the server obeys it is for the scenarios to show, cell by cell.
struct `The table of rights` {
    private static let aboutCases = Right.allCases.filter { $0.isAboutCase || $0.isAboutPatient }
    private static let others = Right.allCases.filter { !$0.isAboutCase && !$0.isAboutPatient }

    @Test(arguments: aboutCases)
    func `gives nobody and no other patient anything about a case or a patient`(_ right: Right) {
        #expect(right.access(of: .nobody) == .signIn)
        #expect(right.access(of: .stranger) == .hide, "refusing would say that it is there")
    }

    @Test(arguments: others)
    func `knows no stranger where there is no case to be strange to`(_ right: Right) {
        #expect(right.access(of: .stranger) == right.access(of: .patient))
        #expect(right.access(of: .patient) != .hide)
    }

    @Test(arguments: Right.allCases)
    func `hides nothing from who may know that it is there, and asks only nobody to sign in`(_ right: Right) {
        for asker in [Asker.patient, .coordinator] { #expect(right.access(of: asker) != .hide) }
        for asker in Asker.allCases where asker != .nobody { #expect(right.access(of: asker) != .signIn) }
        #expect(Asker.allCases.contains { right.access(of: $0) == .allow }, "a right that nobody has")
    }

    @Test func `lets no coordinator speak as a patient, and no patient decide who handles a case`() {
        for right in [Right.openCase, .ask, .stopReply, .retryReply, .addDocument, .deleteDocument] {
            #expect(right.access(of: .patient) == .allow)
            #expect(right.access(of: .coordinator) == .refuse)
        }
        for right in [Right.acceptCase, .releaseCase] {
            #expect(right.access(of: .coordinator) == .allow)
            #expect(right.access(of: .patient) == .refuse)
        }
    }

    @Test func `sees one asker in each person, and one in another's case and in none`() {
        let of = { (person: Person) in
            CareCase(
                id: .new(), patientID: person.id, title: "", language: .english, createdAt: .now, updatedAt: .now)
        }
        #expect(Asker(nil) == .nobody)
        #expect(Asker(nil, about: of(Cast.amina)) == .nobody)
        #expect(Asker(Cast.amina) == .patient)
        #expect(Asker(Cast.amina, about: of(Cast.amina)) == .patient)
        #expect(Asker(Cast.amina, about: of(Cast.tom)) == .stranger)
        #expect(Asker(Cast.amina, about: nil) == .stranger)
        #expect(Asker(Cast.priya) == .coordinator)
        #expect(Asker(Cast.priya, about: of(Cast.amina)) == .coordinator)
        #expect(Asker(Cast.priya, about: of(Cast.priya)) == .coordinator, "the token decides")
        #expect(Asker(Cast.priya, about: nil) == .coordinator)
        #expect(Asker(nil, aboutPatient: Cast.amina.id) == .nobody)
        #expect(Asker(Cast.amina, aboutPatient: Cast.amina.id) == .patient)
        #expect(Asker(Cast.amina, aboutPatient: Cast.tom.id) == .stranger)
        #expect(Asker(Cast.priya, aboutPatient: Cast.amina.id) == .coordinator)
    }
}
