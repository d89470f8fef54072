package import AsyncHTTPClient
import CareDesk
import CareDomain
import NIOCore
import NIOHTTP1

/// One request to a model and its streamed answer, in either format: what is true of HTTP rather than of a format.
///
///     request → head ┬ 2xx, event stream → events … → end mark → (tail) → connection back to the pool
///                    └ anything else     → bounded body → failed
///
/// Whatever ends it early (cancelling, silence, a broken format) drops the body unread, which closes the connection:
/// there is no other way to tell an upstream of these formats to stop.
struct ModelExchange<Stream: ModelStream> {
    let client: HTTPClient
    let request: HTTPClientRequest
    let idleTimeout: Duration
    /// After the end mark the rest of the body is awaited this long, so that the connection, with its TLS handshake
    /// behind it, can serve the next answer; an upstream that keeps the body open longer costs the connection only.
    let tailLimit: Duration

    func run(emit: @Sendable (ModelEvent) async -> Void) async {
        let watch = IdleWatch(timeout: idleTimeout)
        await withoutActuallyEscaping(emit) { emit in
            // Children: the exchange, the watch over it, and the limit of the tail. The first to end ends all three.
            let last: [ModelEvent] = await withTaskGroup(of: [ModelEvent]?.self) { group in
                let (over, saysOver) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
                group.addTask { await exchange(watch, over: saysOver, emit: emit) }
                group.addTask {
                    await watch.run()
                    return nil
                }
                group.addTask {
                    for await _ in over {}
                    try? await Task.sleep(for: tailLimit)
                    return nil
                }
                var last: [ModelEvent] = []
                for await result in group {
                    group.cancelAll()
                    last += result ?? []
                }
                return last
            }
            // Said here and not by the child: there, cancelled by the watch and cancelled by the caller look the same.
            for event in last where !Task.isCancelled { await emit(event) }
        }
    }

    /// Emits what is heard; returns the terminal event if that was not heard but is our conclusion.
    private func exchange(
        _ watch: IdleWatch, over: AsyncStream<Void>.Continuation, emit: @Sendable (ModelEvent) async -> Void
    ) async -> [ModelEvent] {
        let response: HTTPClientResponse
        do {
            // The watch is the deadline; the client's own would be a total one.
            response = try await client.execute(request, deadline: .distantFuture)
        } catch {
            return [.failed(ModelFailure(watch.hasExpired ? .idle : Self.kind(of: error)))]
        }
        let status = Int(response.status.code)
        guard (200..<300).contains(status) else {
            let body = await Self.errorBody(response.body)
            return [
                .failed(
                    UpstreamRefusal.failure(status: status, headers: response.headers, body: body, now: .now))
            ]
        }
        let requestID = UpstreamRefusal.requestID(response.headers)
        guard Self.isEventStream(response.headers) else {
            // A sign-in page of some proxy, or a server that does not stream: nothing in it is an answer.
            return [.failed(ModelFailure(.malformed, status: status, requestID: requestID))]
        }
        var stream = Stream(requestID: requestID)
        do {
            watch.listen()
            for try await chunk in response.body {
                // Too late is too late: the task is being cancelled already, and half of what this chunk says would be
                // swallowed.
                guard watch.pause() else { break }
                for event in stream.receive(chunk.readableBytesView) {
                    if Task.isCancelled { break }
                    await emit(event)
                }
                try Task.checkCancellation()
                if stream.isOver { over.finish() } else { watch.listen() }
            }
        } catch {
            // Told apart below; an error of the transport within the body is a body without its end.
        }
        return stream.end(watch.hasExpired ? .idle : .truncated)
    }

    private static func isEventStream(_ headers: HTTPHeaders) -> Bool {
        guard let type = headers.first(name: "content-type") else { return true }
        return type.lowercased().hasPrefix("text/event-stream")
    }

    /// The watch goes on counting meanwhile, so a body that drips is as bounded in time as in size.
    private static func errorBody(_ body: HTTPClientResponse.Body) async -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await chunk in body {
                bytes += chunk.readableBytesView.prefix(UpstreamRefusal.bodyLimit - bytes.count)
                if bytes.count >= UpstreamRefusal.bodyLimit { break }
            }
        } catch {
            // The status alone has to do.
        }
        return bytes
    }

    /// Of errors before the head of a response. A connection that could not be made in time and a pool that had none to
    /// give in time end the same way in the client and are not told apart.
    private static func kind(of error: any Error) -> ModelFailure.Kind {
        switch error {
        case let error as HTTPParserError: error == .invalidEOFState ? .unreachable : .malformed
        case let error as HTTPClientError where Self.addressErrors.contains(error): .refused
        default: .unreachable
        }
    }

    /// A base URL that is none: asking again cannot help.
    private static var addressErrors: [HTTPClientError] { [.invalidURL, .emptyHost, .emptyScheme] }
}

extension HTTPClient.Configuration {
    /// How the client for models is set up; one client serves every gateway.
    ///
    /// - HTTP/1.1 alone: cancelling an answer closes a connection that no other answer shares.
    /// - At most `connections` to one host, each one an answer being written. Further requests wait for one of them as
    ///   long as a connect may take, and then fail as `unreachable`.
    /// - No redirects: they would carry the key and what was said to a host nobody configured.
    /// - A connection that fails is not tried again here: `Answering` decides on retries.
    package static func models(
        connections: Int = 64, connectTimeout: Duration = .seconds(5)
    ) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .milliseconds(connectTimeout.milliseconds)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }
}
