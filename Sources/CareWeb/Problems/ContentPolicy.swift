/// What a page of ours may load and talk to. No inline script, no foreign source, no framing; Trusted Types on.
///
/// With Clerk exactly one more host: for the script and for what that script asks. Its own chunks of script go through
/// the one Trusted Types policy of `Frontend/js/wire/clerk.js`, which lets script addresses of that host through and
/// nothing else. Inline styles and a third host, which Clerk's components want, stay out: signing in happens on
/// Clerk's own page (docs/decisions/0010-clerk-without-its-components.md).
struct ContentPolicy {
    let header: String

    init(identity: Identity) {
        var sources = ["default-src 'self'"]
        var policies = "'none'"
        if case .clerk(let clerk) = identity {
            let host = clerk.instance.frontendAPI
            sources += ["script-src 'self' \(host)", "connect-src 'self' \(host)", "worker-src 'self'"]
            policies = "default"
        }
        sources += [
            "img-src 'self' data:", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
            "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types \(policies)",
        ]
        header = sources.joined(separator: "; ")
    }
}
