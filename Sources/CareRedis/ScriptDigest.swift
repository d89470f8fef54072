import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// EVALSHA names a script by its SHA-1; nothing rests on that hash being hard to forge.
func sha1(of script: String) -> String {
    Insecure.SHA1.hash(data: Data(script.utf8)).map { byte in
        let hex = String(byte, radix: 16)
        return byte < 16 ? "0" + hex : hex
    }.joined()
}
