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
        /// Nil where it would not be smaller.
        var gzip: ByteBuffer?
    }
    /// What a browser is given; tests and settings of the tools stay at home.
    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "png": "image/png", "json": "application/json",
        "webmanifest": "application/manifest+json", "woff2": "font/woff2",
    ]
    private static let folders: Set<String> = ["css", "js", "icons", "fonts"]

    private let assets: [String: Asset]
    private let page: Asset
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
            assets[path] = try Self.asset(data, type: type, isScript: path.hasSuffix(".js"))
        }
        hash = hasher.finalize().prefix(8).map { String(format: "%02x", $0) }.joined()
        self.assets = assets
        let page = html.replacingOccurrences(of: "{{assets}}", with: "/assets/\(hash)")
        self.page = try Self.asset(Data(page.utf8), type: "text/html; charset=utf-8", isScript: false)
    }

    private static func asset(_ data: Data, type: String, isScript: Bool) throws -> Asset {
        let bytes =
            isScript
            ? ByteBuffer(string: Compression.stripped(String(decoding: data, as: UTF8.self)))
            : ByteBuffer(bytes: data)
        let gzip = try Compression.gzip(bytes)
        return Asset(type: type, bytes: bytes, gzip: gzip.readableBytes < bytes.readableBytes ? gzip : nil)
    }

    func index(_ request: Request, _ context: CareContext) async throws -> Response {
        response(page, to: request, cache: "no-cache")
    }

    func asset(_ request: Request, _ context: CareContext) async throws -> Response {
        // A page of the version before asks for files of its own hash; it gets today's and reloads when it likes.
        guard let asset = assets[context.parameters.getCatchAll().joined(separator: "/")] else {
            throw Problem.notFound
        }
        let isCurrent = context.parameters.get("hash") == hash
        return response(asset, to: request, cache: isCurrent ? "public, max-age=31536000, immutable" : "no-store")
    }

    private func response(_ asset: Asset, to request: Request, cache: String) -> Response {
        var headers: HTTPFields = [.contentType: asset.type, .cacheControl: cache, .vary: "Accept-Encoding"]
        var body = asset.bytes
        if let gzip = asset.gzip, Compression.isWelcome(request.headers[.acceptEncoding]) {
            headers[.contentEncoding] = "gzip"
            body = gzip
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}
