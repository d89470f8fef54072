import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The front end in memory. Every file is served under one hash of all of them, so a browser may keep it for ever and
/// relative imports need neither a bundler nor an import map; the pages name that hash and are never kept.
package struct AssetCatalog: Sendable {
    package enum LoadError: Error, Equatable { case noPage(String) }

    private struct Asset: Sendable {
        var type: String
        var bytes: ByteBuffer
    }
    /// What a browser is given; tests and settings of the tools stay at home.
    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "png": "image/png", "json": "application/json",
        "webmanifest": "application/manifest+json", "woff2": "font/woff2",
    ]
    private static let folders: Set<String> = ["css", "js", "icons", "fonts"]

    private let assets: [String: Asset]
    private let page: ByteBuffer
    package let hash: String

    /// Throws `noPage` when the folder has no index.html.
    package init(folder: String) throws {
        let root = URL(fileURLWithPath: folder, isDirectory: true)
        guard let html = try? String(contentsOf: root.appendingPathComponent("index.html"), encoding: .utf8) else {
            throw LoadError.noPage(root.path)
        }
        var assets: [String: Asset] = [:]
        var hasher = SHA256()
        hasher.update(data: Data(html.utf8))
        let found = try FileManager.default.subpathsOfDirectory(atPath: root.path).sorted()
        for path in found {
            guard let type = Self.types[(path as NSString).pathExtension],
                let top = path.split(separator: "/").first, Self.folders.contains(String(top)),
                let data = FileManager.default.contents(atPath: root.appendingPathComponent(path).path)
            else { continue }
            hasher.update(data: Data(path.utf8))
            hasher.update(data: data)
            assets[path] = Asset(type: type, bytes: ByteBuffer(bytes: data))
        }
        hash = hasher.finalize().prefix(8).map { String(format: "%02x", $0) }.joined()
        self.assets = assets
        page = ByteBuffer(string: html.replacingOccurrences(of: "{{assets}}", with: "/assets/\(hash)"))
    }

    func index(_ request: Request, _ context: CareContext) async throws -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-cache"],
            body: ResponseBody(byteBuffer: page))
    }

    func asset(_ request: Request, _ context: CareContext) async throws -> Response {
        // A page of the version before asks for files of its own hash; it gets today's and reloads when it likes.
        guard let asset = assets[context.parameters.getCatchAll().joined(separator: "/")] else {
            throw Problem.notFound
        }
        let isCurrent = context.parameters.get("hash") == hash
        return Response(
            status: .ok,
            headers: [
                .contentType: asset.type,
                .cacheControl: isCurrent ? "public, max-age=31536000, immutable" : "no-store",
            ], body: ResponseBody(byteBuffer: asset.bytes))
    }
}
