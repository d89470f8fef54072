package import CareDomain
package import Foundation

/// What a Clerk session token says, versions 1 and 2 brought to one form. Only claims we use; nothing is judged here.
package struct SessionClaims: Sendable, Equatable {
    package struct Organization: Sendable, Equatable {
        package var id: String
        /// Without `org:`, which version 1 writes and version 2 does not.
        package var role: String?
    }

    package var issuer: String
    package var subject: String
    package var session: String
    package var issuedAt: Moment
    package var notBefore: Moment
    package var expires: Moment
    /// `azp`: the origin that asked for the token.
    package var party: String?
    /// `sts`: version 2 only.
    package var status: String?
    /// The organization that is active in the session, if any.
    package var organization: Organization?
    /// Somebody of the operator's staff who acts as this person.
    package var actor: String?
    /// Only there when the operator put it into the token.
    package var name: String?

    package init(json: Data) throws(TokenRefusal) {
        let wire: Wire
        do { wire = try JSONDecoder().decode(Wire.self, from: json) } catch { throw .claims }
        // A token made from a template for another service is signed by the same key and has an audience.
        guard !wire.hasAudience, let issuedAt = Moment(numericDate: wire.iat),
            let notBefore = Moment(numericDate: wire.nbf), let expires = Moment(numericDate: wire.exp)
        else { throw .claims }
        switch wire.v ?? 1 {
        case 1: organization = wire.org_id.map { Organization(id: $0, role: wire.org_role?.withoutPrefix) }
        case 2: organization = wire.o.map { Organization(id: $0.id, role: $0.rol?.withoutPrefix) }
        default: throw .claims
        }
        issuer = wire.iss
        subject = wire.sub
        session = wire.sid
        self.issuedAt = issuedAt
        self.notBefore = notBefore
        self.expires = expires
        party = wire.azp
        status = wire.sts
        actor = wire.act?.sub
        name = wire.name
    }

    /// As it is spelled in the token.
    private struct Wire: Decodable {
        struct O: Decodable {
            var id: String
            var rol: String?
        }
        struct Act: Decodable { var sub: String }
        var v: Int?
        var iss: String
        var sub: String
        var sid: String
        var iat: Double
        var nbf: Double
        var exp: Double
        var azp: String?
        var sts: String?
        var o: O?
        var org_id: String?
        var org_role: String?
        var act: Act?
        var name: String?
        var hasAudience: Bool

        enum CodingKeys: String, CodingKey {
            case v, iss, sub, sid, iat, nbf, exp, azp, sts, o, org_id, org_role, act, name, aud
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            v = try fields.decodeIfPresent(Int.self, forKey: .v)
            iss = try fields.decode(String.self, forKey: .iss)
            sub = try fields.decode(String.self, forKey: .sub)
            sid = try fields.decode(String.self, forKey: .sid)
            iat = try fields.decode(Double.self, forKey: .iat)
            nbf = try fields.decode(Double.self, forKey: .nbf)
            exp = try fields.decode(Double.self, forKey: .exp)
            azp = try fields.decodeIfPresent(String.self, forKey: .azp)
            sts = try fields.decodeIfPresent(String.self, forKey: .sts)
            o = try fields.decodeIfPresent(O.self, forKey: .o)
            org_id = try fields.decodeIfPresent(String.self, forKey: .org_id)
            org_role = try fields.decodeIfPresent(String.self, forKey: .org_role)
            act = try fields.decodeIfPresent(Act.self, forKey: .act)
            // Clerk writes null for a person without a name; a template may write anything.
            name = try? fields.decode(String.self, forKey: .name)
            hasAudience = fields.contains(.aud)
        }
    }
}

/// What a token must say to let somebody in, and what it lets them be. Pure: time is passed in.
package struct ClaimsPolicy: Sendable {
    package static let coordinatorRole = "coordinator"
    /// Characters of a name; the rest is cut.
    static let nameLimit = 120

    package var issuer: String
    /// Clocks may differ by this much, either way.
    package var leeway: Duration = .seconds(5)
    /// Origins that may ask for tokens; nil asks nothing. With a list, a token without `azp` is refused too: only
    /// browsers are served, and theirs have one.
    package var parties: Set<String>?
    /// A coordinator is one only while this organization is active in the session; nil: nobody is.
    package var organization: String?

    package init(issuer: String, parties: Set<String>?, organization: String?) {
        self.issuer = issuer
        self.parties = parties
        self.organization = organization
    }

    package struct Admission: Sendable, Equatable {
        package var id: PersonID
        package var session: String
        package var role: Person.Role
        package var name: String?
        package var actor: PersonID?
        package var issued: Moment
        package var expires: Moment
    }

    package func admit(_ claims: SessionClaims, at now: Moment) throws(TokenRefusal) -> Admission {
        guard now < claims.expires + leeway else { throw .expired }
        guard claims.notBefore <= now + leeway, claims.issuedAt <= now + leeway else { throw .early }
        guard claims.issuer == issuer else { throw .issuer }
        if let parties {
            guard let party = claims.party, parties.contains(party) else { throw .party }
        }
        guard claims.status == nil || claims.status == "active" else { throw .pending }
        guard let id = PersonID(rawValue: claims.subject) else { throw .claims }
        // The audit trail must be able to hold who it was: somebody without a usable name may not act as anybody.
        let actor = claims.actor.flatMap { PersonID(rawValue: $0) }
        guard (claims.actor == nil) == (actor == nil) else { throw .claims }
        // Nothing is guessed: another organization, none, or another role in it, and one is a patient like everybody.
        let isCoordinator =
            organization != nil && claims.organization?.id == organization
            && claims.organization?.role == Self.coordinatorRole
        return Admission(
            id: id, session: claims.session, role: isCoordinator ? .coordinator : .patient,
            name: claims.name.flatMap(Self.shown), actor: actor, issued: claims.issuedAt,
            expires: claims.expires)
    }

    /// A name as it can be shown on one line, or nothing.
    private static func shown(_ name: String) -> String? {
        let line = name.split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
        let shown = String(
            String.UnicodeScalarView(line.unicodeScalars.filter { $0.properties.isShown }.prefix(nameLimit)))
        return shown.isEmpty ? nil : shown
    }
}

extension Unicode.Scalar.Properties {
    /// Not a control character, and none that turns the direction of the words around it.
    fileprivate var isShown: Bool { generalCategory != .control && generalCategory != .format }
}

extension Moment {
    /// RFC 7519 §2: seconds since 1970, and fractions are allowed. Nil outside of the years that a calendar can show.
    fileprivate init?(numericDate seconds: Double) {
        guard (0...253_402_300_799).contains(seconds) else { return nil }
        self.init(milliseconds: Int64(seconds * 1_000))
    }

    var seconds: Int { Int(milliseconds / 1000) }
}

extension String {
    fileprivate var withoutPrefix: String { hasPrefix("org:") ? String(dropFirst(4)) : self }
}
