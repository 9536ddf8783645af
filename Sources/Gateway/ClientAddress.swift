// Who the client is, when there may be proxies in front.

import Access
import Bytes
import HTTP1
import Reactor

enum ClientAddress {
    /// The right-most address that is not one of our proxies. Reading starts at the peer and goes on to the
    /// left through X-Forwarded-For only as long as each hop is trusted: what stands further left was
    /// written by somebody we have no reason to believe.
    static func find(
        peer: IPAddress, _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ rules: RuleSet
    ) -> IPAddress {
        var client = peer
        if !rules.isTrustedProxy(peer) { return client }
        for field in head.headers.fields.reversed() where field.kind == .xForwardedFor {
            var end = field.value.upperBound
            while end > field.value.lowerBound {
                var start = end
                while start > field.value.lowerBound, bytes[start - 1] != UInt8(ascii: ",") { start -= 1 }
                let element = bytes.extracting(start..<end)
                let trimmed = element.extracting(ASCII.trimmed(element))
                guard let address = IPAddress(parsing: trimmed) else { return client }
                client = address
                if !rules.isTrustedProxy(address) { return client }
                end = start - 1
            }
        }
        return client
    }
}

extension SocketAddress {
    /// The address without its port; nil for a Unix socket.
    var ipAddress: IPAddress? {
        guard let (high, low) = ip6Halves else { return nil }
        return IPAddress(v6High: high, low: low)
    }
}
