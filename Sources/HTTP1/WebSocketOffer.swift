// The backend's half of a WebSocket handshake (RFC 6455 §4.1): whether its 101 is the answer to what it was asked.
// Behind a 101 that is accepted, bytes pass unread, so one that is only nearly right is a backend that may not have
// understood the request as an upgrade at all, and takes what follows for something else.

import Bytes

/// What is wrong with a 101.
public enum WebSocketAnswerFault: Sendable, Equatable, CaseIterable {
    case httpVersion, upgrade, connection, framing, accept, subprotocol, webExtension

    /// One line for the log. Nothing of the answer is in it.
    public var message: StaticString {
        switch self {
        case .httpVersion: "the 101 is not HTTP/1.1"
        case .upgrade: "the 101 has not one Upgrade header that says websocket"
        case .connection: "the Connection header of the 101 does not name Upgrade"
        case .framing: "the 101 announces a body"
        case .accept: "the 101 has not the Sec-WebSocket-Accept that belongs to the key"
        case .subprotocol: "the 101 chooses a subprotocol that was not offered"
        case .webExtension: "the 101 uses an extension that was not offered"
        }
    }
}

/// What a backend was offered, as far as its 101 must agree with it.
public struct WebSocketOffer: Sendable {
    /// The value that `Sec-WebSocket-Accept` must have; empty for one that none has.
    private let accept: [UInt8]
    private var subprotocols: [[UInt8]] = []
    private var extensions: [[UInt8]] = []

    public init(accept: [UInt8]) {
        self.accept = accept
    }

    /// Takes in a header of the request as it is sent.
    public mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
        if ASCII.equalsIgnoringCase(name, "sec-websocket-protocol") {
            var members = FieldMembers()
            while let member = members.next(in: value) {
                subprotocols.append(Array(copying: value.extracting(member)))
            }
        } else if ASCII.equalsIgnoringCase(name, "sec-websocket-extensions") {
            var members = FieldMembers()
            while let member = members.next(in: value) {
                let name = FieldMembers.name(of: member, in: value, until: UInt8(ascii: ";"))
                extensions.append(Array(copying: value.extracting(name)))
            }
        }
    }

    /// What is wrong with a 101 that came for this offer; nil if both sides speak WebSocket from here on.
    public func fault(of head: borrowing ResponseHead) -> WebSocketAnswerFault? {
        let bytes = head.section.buffer.bytes
        let fields = head.section.fields
        guard head.minorVersion == 1 else { return .httpVersion }
        guard fields.count(of: .upgrade) == 1, let upgrade = fields.value(of: .upgrade),
            ASCII.equalsIgnoringCase(bytes.extracting(upgrade), "websocket")
        else { return .upgrade }
        guard head.connectionOptions.hasUpgrade else { return .connection }
        // A length of nothing is wrong in a 101 and does no harm; it is not passed on.
        guard !head.isChunked, head.contentLength ?? 0 == 0 else { return .framing }
        guard let found = fields.index(named: "sec-websocket-accept", in: bytes),
            fields.index(named: "sec-websocket-accept", in: bytes, from: found + 1) == nil,
            !accept.isEmpty, ASCII.equals(bytes.extracting(fields[found].value), accept.span)
        else { return .accept }
        if let fault = faultOfSubprotocol(fields, bytes) { return fault }
        return faultOfExtensions(fields, bytes)
    }

    /// One at most, and one of those offered, to the letter.
    private func faultOfSubprotocol(_ fields: HeaderBlock, _ bytes: Span<UInt8>) -> WebSocketAnswerFault? {
        guard let index = fields.index(named: "sec-websocket-protocol", in: bytes) else { return nil }
        let value = bytes.extracting(fields[index].value)
        let isOffered = subprotocols.contains { ASCII.equals($0.span, value) }
        let isOnlyOne = fields.index(named: "sec-websocket-protocol", in: bytes, from: index + 1) == nil
        return isOffered && isOnlyOne && ASCII.isToken(value) ? nil : .subprotocol
    }

    private func faultOfExtensions(_ fields: HeaderBlock, _ bytes: Span<UInt8>) -> WebSocketAnswerFault? {
        var next = 0
        while let index = fields.index(named: "sec-websocket-extensions", in: bytes, from: next) {
            next = index + 1
            let value = bytes.extracting(fields[index].value)
            var members = FieldMembers()
            while let member = members.next(in: value) {
                let name = value.extracting(
                    FieldMembers.name(of: member, in: value, until: UInt8(ascii: ";")))
                guard extensions.contains(where: { ASCII.equalsIgnoringCase($0.span, name) }) else {
                    return .webExtension
                }
            }
        }
        return nil
    }
}
