package import CareDomain

/// One thing that a member of staff did, or wanted to do, with what belongs to a patient. Ids and verbs only: nothing that
/// anybody said or wrote.
package struct AuditEntry: Sendable, Hashable {
    package enum Outcome: String, Sendable, CaseIterable {
        /// Let in. Written before anything is shown or changed, so it says "may have seen", never less.
        case allowed
        /// Changed. Written in the transaction of the change, so that one is never without the other.
        case done
        case refused
        /// There was no such case.
        case notFound = "not_found"
    }
    package var at: Moment
    /// Who of the staff, also where they acted as somebody else.
    package var person: PersonID
    package var session: SessionID?
    package var right: Right
    package var caseID: CaseID?
    /// Whose it was; where somebody acted as a patient, that one.
    package var patientID: PersonID?
    package var outcome: Outcome
    /// As in the log lines of the request.
    package var request: String

    package init(
        at: Moment, person: PersonID, session: SessionID?, right: Right, caseID: CaseID?, patientID: PersonID?,
        outcome: Outcome, request: String
    ) {
        self.at = at
        self.person = person
        self.session = session
        self.right = right
        self.caseID = caseID
        self.patientID = patientID
        self.outcome = outcome
        self.request = request
    }
}

/// The sign-in a token belongs to, as whoever issued it names it.
package enum SignIn {}
package typealias SessionID = Identifier<SignIn>

/// An entry as it stands in the trail. Texts, not types: a row must be readable to be found wrong.
package struct AuditRow: Sendable, Hashable {
    /// Dense from 1.
    package var number: Int
    package var at: Moment
    package var person: String
    package var session: String?
    package var verb: String
    package var caseID: String?
    package var patientID: String?
    package var outcome: String
    package var request: String
    package var hash: String

    package init(
        number: Int, at: Moment, person: String, session: String?, verb: String, caseID: String?, patientID: String?,
        outcome: String, request: String, hash: String
    ) {
        self.number = number
        self.at = at
        self.person = person
        self.session = session
        self.verb = verb
        self.caseID = caseID
        self.patientID = patientID
        self.outcome = outcome
        self.request = request
        self.hash = hash
    }

    /// What the hash is made of, beside the hash before it. Each field carries its length, so that no text can pretend to
    /// be two fields; the first says by which rule the others are laid out.
    package var canonical: [UInt8] {
        let fields: [String?] = [
            "1", String(number), String(at.milliseconds), person, session, verb, caseID, patientID, outcome, request,
        ]
        return fields.flatMap { field in field.map { Array("\($0.utf8.count):\($0),".utf8) } ?? Array("-,".utf8) }
    }
}
