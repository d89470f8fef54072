package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// How a connection becomes requests: Hummingbird's HTTP/1 pipeline with our `ConnectionGuard` in it, before anything
/// that takes a client at its word.
package struct CareChannel: HTTPChannelHandler {
    package typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    package let responder: HTTPChannelHandler.Responder
    let limits: ConnectionLimits
    let check: HeadCheck
    let count: ConnectionCount

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = limits.headBytes
            decoder.maxHeaderListSize = limits.headBytes
            decoder.maxHeaderFieldCount = limits.headFields
            try channel.syncOptions?.setOption(.socketOption(.so_sndbuf), value: .init(limits.sendBuffer))
            try channel.syncOptions?.setOption(
                .writeBufferWaterMark, value: .init(low: limits.sendBuffer / 4, high: limits.sendBuffer / 2))
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
            try pipeline.addHandler(ConnectionGuard(limits: limits, check: check, count: count))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            // Closes at a shutdown when nothing is being answered.
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    package func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

extension HTTPServerBuilder {
    package static func guarded(_ limits: ConnectionLimits, hosts: AllowedHosts) -> HTTPServerBuilder {
        let count = ConnectionCount(limit: limits.atOnce)
        return HTTPServerBuilder { responder in
            CareChannel(responder: responder, limits: limits, check: HeadCheck(hosts: hosts), count: count)
        }
    }
}
