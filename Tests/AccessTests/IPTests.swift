import Access
import Bytes
import Testing

private func address(_ text: String) -> IPAddress? {
    let bytes = Array(text.utf8)
    return IPAddress(parsing: bytes.span)
}

@Suite("IP addresses")
struct IPAddressTests {
    @Test(
        "are read and printed in their usual spelling",
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
            ("2001:0db8:0:0:0:0:0:1", "2001:db8::1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:a00:1", "10.0.0.1"),
        ])
    func reading(_ text: String, _ printed: String) {
        #expect(address(text)?.description == printed)
    }

    @Test(
        "are refused",
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4",
            "1.2.3.4:80", "1..3.4",
            "0x7f.0.0.1", "1.2.3.1000", ":", ":::", "1:2", "1:2:3:4:5:6:7:8:9", "1::2::3",
            "1:2:3:4:5:6:7:8::", "::12345", "::g",
            "[::1]", "fe80::1%eth0", "1:", ":1", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5",
        ])
    func refusals(_ text: String) {
        #expect(address(text) == nil)
    }

    @Test("cut at any byte, never trap") func truncated() {
        for text in ["2001:db8:0:0:1::255.255.255.255", "192.168.100.200", "::ffff:1.2.3.4"] {
            let bytes = Array(text.utf8)
            for count in 0...bytes.count { _ = IPAddress(parsing: bytes.span.extracting(0..<count)) }
        }
    }
}

@Suite("IP networks")
struct IPNetworkTests {
    private static func network(_ text: String) throws(IPNetworkError) -> IPNetwork {
        let bytes = Array(text.utf8)
        return try IPNetwork(parsing: bytes.span)
    }

    @Test(
        "contain",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "10.1.2.4", false), ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false), ("::/0", "2001:db8::1", true), ("::/0", "10.0.0.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::/65", "2001:db8:0:0:8000::", false),
            ("::1", "::1", true), ("::1/128", "::2", false), ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("192.168.1.128/25", "192.168.1.127", false), ("192.168.1.128/25", "192.168.1.128", true),
        ])
    func contains(_ network: String, _ member: String, _ isContained: Bool) throws {
        let parsed = try #require(address(member))
        #expect(try Self.network(network).contains(parsed) == isContained)
    }

    @Test(
        "are refused with the reason",
        arguments: [
            ("", "expected an IP address or a network such as 10.0.0.0/8"),
            ("ten/8", "expected an IP address or a network such as 10.0.0.0/8"),
            ("10.0.0.0/", "expected a prefix length of at most 32"),
            ("10.0.0.0/33", "expected a prefix length of at most 32"),
            ("10.0.0.0/08", "expected a prefix length of at most 32"),
            ("10.0.0.0/-1", "expected a prefix length of at most 32"),
            ("::/129", "expected a prefix length of at most 128"),
            ("::ffff:0.0.0.0/95", "expected a prefix length of at most 128"),
            ("10.1.2.3/8", "the address has bits beyond its length; the network is 10.0.0.0/8"),
            ("2001:db8::1/32", "the address has bits beyond its length; the network is 2001:db8::/32"),
        ])
    func refusals(_ text: String, _ message: String) {
        let error = #expect(throws: IPNetworkError.self) { try Self.network(text) }
        #expect(error?.description == message)
    }
}
