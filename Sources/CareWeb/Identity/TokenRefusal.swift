/// Why a token lets nobody in. What the bearer is told is less than this (`problem`): who forges a token learns nothing
/// from the answer; the operator does, from a line without the token.
package enum TokenRefusal: String, Error, Sendable, CaseIterable {
    case malformed = "it is not a signed token"
    case algorithm = "it is not signed with RS256"
    case unknownKey = "no published key has its kid"
    case signature = "its signature does not fit the published key"
    case unavailable = "the signing keys could not be fetched"
    case claims = "it is not a session token: a claim is missing, foreign or of another form"
    case expired = "it has expired"
    case early = "it is not valid yet; does this server's clock go wrong?"
    case issuer = "its issuer is not the configured one"
    case party = "its azp is not one of the authorized parties"
    case pending = "its session is not active yet"

    var problem: Problem {
        switch self {
        case .expired: .tokenExpired
        case .unavailable: .identityUnavailable
        default: .unauthenticated
        }
    }
}
