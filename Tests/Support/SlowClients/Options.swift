// What is asked for on the command line.

import Bytes
import Reactor

/// Where the clients go, and with which key.
struct Target {
    let address: SocketAddress
    let key: String
}

struct Options {
    let target: Target
    /// What each client does.
    let errands: [Errand]
    /// Nil: until a signal comes.
    let seconds: Int?
    /// It also ends once each kind of client has made so many exchanges for each of its clients.
    let exchanges: Int?

    static let usage = """
        usage: slow-clients ADDRESS KEY [--clients N] [--readers N] [--websockets N]
                            [--seconds N] [--exchanges N]
          ADDRESS   of a gateway on this machine, 127.0.0.1:PORT
          KEY       that may GET and POST /v1/slow, GET /v1/large and open a WebSocket at /v1/socket
          clients   that send slowly, one in twenty of which stop in the middle: 100
          readers   that read a large answer slowly: 0
        Ends with a signal, after so many seconds, or once each kind has made so many exchanges a client.
        """

    /// Nil if the arguments say anything else than `usage` does.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        guard let text = rest.popFirst(), let key = rest.popFirst(), let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]),
            let address = SocketAddress(host: String(text[..<colon]), port: port), address.isLoopback
        else { return nil }
        var (clients, readers, sockets) = (100, 0, 0)
        var seconds: Int?
        var exchanges: Int?
        while let option = rest.popFirst() {
            guard let value = rest.popFirst().flatMap({ Int($0) }), value >= 0 else { return nil }
            switch option {
            case "--clients": clients = value
            case "--readers": readers = value
            case "--websockets": sockets = value
            case "--seconds": seconds = value
            case "--exchanges": exchanges = value
            default: return nil
            }
        }
        target = Target(address: address, key: key)
        self.seconds = seconds
        self.exchanges = exchanges
        errands =
            (0..<clients).map { index in
                switch index % 40 {
                case 0: .stalledHead
                case 20: .stalledBody
                default: index % 5 < 3 ? .slowHead : .slowBody
                }
            } + Array(repeating: .slowReader, count: readers)
            + Array(repeating: .webSocket, count: sockets)
    }
}
