// What the clients do, each kind in its own way: what is sent, how fast, and what must come back.

import Bytes

/// One kind of client.
enum Errand: String, CaseIterable {
    /// The head of a GET comes in pieces.
    case slowHead = "slow heads"
    /// The body of a POST comes a byte at a time.
    case slowBody = "slow bodies"
    /// A large answer is read a part at a time.
    case slowReader = "slow readers"
    /// The head never ends.
    case stalledHead = "stalled heads"
    /// The body never ends.
    case stalledBody = "stalled bodies"
    /// Each message is sent once the one before has come back.
    case webSocket = "WebSockets"

    /// How many exchanges a connection is for. A request that stalls is its last.
    var exchangesPerConnection: Int {
        switch self {
        case .slowHead, .slowBody: 4
        case .slowReader: 2
        case .stalledHead, .stalledBody: 1
        case .webSocket: 60
        }
    }

    /// The most that is read in a second.
    var readLimit: Int { self == .slowReader ? 128 << 10 : .max }

    /// What is said when the exchange is over, or the tunnel open.
    var expectedStatus: Int {
        switch self {
        case .slowHead, .slowBody, .slowReader: 200
        case .stalledHead, .stalledBody: 408
        case .webSocket: 101
        }
    }

    /// Seconds until somebody who waits has waited too long. The longest is a large answer.
    static let patience = 120

    private static let bodyLength = 12
    /// The whole head must be there before the gateway's time-out for it, with room for a machine that is busy.
    private static let pieceCount = 6

    /// What is sent, a piece a second.
    func pieces(key: String) -> [[UInt8]] {
        switch self {
        case .slowHead:
            let head = Self.head("GET /v1/slow", key)
            let size = (head.count + Self.pieceCount - 1) / Self.pieceCount
            return stride(from: 0, to: head.count, by: size).map { start in
                Array(head[start..<min(start + size, head.count)])
            }
        case .slowBody:
            return [Self.post(key)] + Array(repeating: [UInt8(ascii: "x")], count: Self.bodyLength)
        case .slowReader: return [Self.head("GET /v1/large", key)]
        case .stalledHead: return [Array(Self.head("GET /v1/slow", key).dropLast(2))]
        case .stalledBody: return [Self.post(key), [UInt8(ascii: "x")]]
        case .webSocket:
            return [
                Self.head(
                    "GET /v1/socket", key,
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        + "Sec-WebSocket-Key: \(WebSocketMessage.handshakeKey)\r\n")
            ]
        }
    }

    private static func post(_ key: String) -> [UInt8] {
        head("POST /v1/slow", key, "Content-Length: \(bodyLength)\r\n")
    }

    private static func head(_ start: String, _ key: String, _ fields: String = "") -> [UInt8] {
        Array("\(start) HTTP/1.1\r\nHost: slow.test\r\nAuthorization: Bearer \(key)\r\n\(fields)\r\n".utf8)
    }
}
