// The client's half of a WebSocket handshake (RFC 6455 §4.1, §4.2.1), judged before anything of it goes on. What
// switches protocols ends our say over the connection, so nothing here is guessed at: a request that mentions
// WebSocket is a handshake to the letter, or it is refused.

import Bytes

/// Why a request that asks for WebSocket is no handshake.
public enum WebSocketFault: Sendable, Equatable, CaseIterable {
    case method, httpVersion, upgrade, connection, body, key, version, versions, subprotocols, accept,
        hiddenField

    /// Whether the answer is 426, which says the version that is spoken here, and not 400.
    public var isAboutVersion: Bool { self == .version }

    /// A sentence for the client; without anything of the request.
    public var message: String {
        switch self {
        case .method: "A WebSocket handshake is a GET."
        case .httpVersion: "A WebSocket handshake is HTTP/1.1."
        case .upgrade: "A WebSocket handshake has one Upgrade header, with nothing but \"websocket\" in it."
        case .connection: "A WebSocket handshake has a Connection header that names Upgrade."
        case .body: "A WebSocket handshake has no body, no Content-Length and no Transfer-Encoding."
        case .key: "A WebSocket handshake has one Sec-WebSocket-Key of 16 bytes in base64."
        case .version: "The only version of WebSocket spoken here is 13."
        case .versions: "A WebSocket handshake has one Sec-WebSocket-Version, a number."
        case .subprotocols:
            "The Sec-WebSocket-Protocol of a WebSocket handshake is a list of tokens, no two of them the same."
        case .accept: "Sec-WebSocket-Accept is for the server to say."
        case .hiddenField: "The Connection header of a WebSocket handshake cannot name what makes it one."
        }
    }
}

public enum WebSocketHandshake {
    /// Bytes of the key once it is decoded.
    private static let keyByteCount = 16

    /// Whether the request mentions WebSocket among what it would upgrade to, properly or not. `bytes` are those that
    /// the head was parsed from.
    public static func isAsked(_ head: borrowing RequestHead, in bytes: Span<UInt8>) -> Bool {
        for field in head.headers.fields where field.kind == .upgrade {
            let value = bytes.extracting(field.value)
            var members = FieldMembers()
            while let member = members.next(in: value) {
                let name = FieldMembers.name(of: member, in: value, until: Byte.slash)
                if ASCII.equalsIgnoringCase(value.extracting(name), "websocket") { return true }
            }
        }
        return false
    }

    /// What is wrong with the handshake; nil if it may go on. For requests that ask for one.
    public static func fault(_ head: borrowing RequestHead, in bytes: Span<UInt8>) -> WebSocketFault? {
        guard head.method == .get else { return .method }
        guard head.minorVersion == 1 else { return .httpVersion }
        guard head.headers.count(of: .upgrade) == 1, let upgrade = head.headers.value(of: .upgrade),
            ASCII.equalsIgnoringCase(bytes.extracting(upgrade), "websocket")
        else { return .upgrade }
        guard head.connectionOptions.hasUpgrade else { return .connection }
        // A field that Connection names does not reach the backend, which would see half of a handshake.
        for range in head.connectionOptions.ranges where isOwn(bytes.extracting(range)) {
            return .hiddenField
        }
        guard head.framing == .none else { return .body }
        if let fault = faultOfVersion(head, in: bytes) { return fault }
        guard let key = only("sec-websocket-key", of: head, in: bytes),
            Base64.decode(bytes.extracting(key))?.count == keyByteCount
        else { return .key }
        guard areSubprotocols(head, in: bytes) else { return .subprotocols }
        // It means something in an answer only. A backend that gave back what it was sent would seem to have
        // understood; leaving it out would hide that somebody tries.
        if head.headers.index(named: "sec-websocket-accept", in: bytes) != nil { return .accept }
        return nil
    }

    /// Another version, or none, is told which one would do (§4.4). What is no version is told what is wrong.
    private static func faultOfVersion(_ head: borrowing RequestHead, in bytes: Span<UInt8>)
        -> WebSocketFault?
    {
        guard head.headers.index(named: "sec-websocket-version", in: bytes) != nil else { return .version }
        guard let range = only("sec-websocket-version", of: head, in: bytes) else { return .versions }
        let version = bytes.extracting(range)
        guard let number = ASCII.decimal(version), number <= 255,
            version[0] != UInt8(ascii: "0") || version.count == 1
        else { return .versions }
        return number == 13 ? nil : .version
    }

    /// Whether what is offered are tokens, each once (§4.1, 10); in any number of fields, or none (§11.3.4).
    private static func areSubprotocols(_ head: borrowing RequestHead, in bytes: Span<UInt8>) -> Bool {
        var offered: Set<[UInt8]> = []
        var next = 0
        while let index = head.headers.index(named: "sec-websocket-protocol", in: bytes, from: next) {
            next = index + 1
            let value = bytes.extracting(head.headers[index].value)
            var members = FieldMembers()
            var isEmpty = true
            while let member = members.next(in: value) {
                isEmpty = false
                let name = value.extracting(member)
                guard ASCII.isToken(name), offered.insert(Array(copying: name)).inserted else { return false }
            }
            if isEmpty { return false }
        }
        return true
    }

    /// Where the value of the key lies, in a handshake without a fault.
    public static func key(of head: borrowing RequestHead, in bytes: Span<UInt8>) -> Range<Int>? {
        only("sec-websocket-key", of: head, in: bytes)
    }

    /// Whether a field of this name belongs to the handshake.
    private static func isOwn(_ name: Span<UInt8>) -> Bool {
        let prefix: StaticString = "sec-websocket-"
        let count = prefix.utf8CodeUnitCount
        return name.count > count && ASCII.equalsIgnoringCase(name.extracting(0..<count), prefix)
    }

    /// The value of the one field of this name; nil if there is none, or a second.
    private static func only(
        _ lowercase: StaticString, of head: borrowing RequestHead, in bytes: Span<UInt8>
    ) -> Range<Int>? {
        guard let index = head.headers.index(named: lowercase, in: bytes),
            head.headers.index(named: lowercase, in: bytes, from: index + 1) == nil
        else { return nil }
        return head.headers[index].value
    }
}
