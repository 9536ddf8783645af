// Addresses are printed as the configuration writes them, and survive the trip through a sockaddr.

import CLinux
import Glibc
import Testing

@testable import Reactor

@Suite struct SocketAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1", 8080, "127.0.0.1:8080"), ("0.0.0.0", 0, "0.0.0.0:0"),
            ("255.255.255.255", 65535, "255.255.255.255:65535"),
            ("::1", 443, "[::1]:443"), ("::", 1, "[::]:1"), ("2001:DB8:0:0:0:0:0:1", 80, "[2001:db8::1]:80"),
            ("::ffff:10.0.0.1", 80, "[::ffff:10.0.0.1]:80"),
        ] as [(String, UInt16, String)])
    func literalAddressesAreReadAndPrinted(_ host: String, _ port: UInt16, _ printed: String) throws {
        let address = try #require(SocketAddress(host: host, port: port))
        #expect(address.description == printed)
        #expect(address.port == port)
        #expect(address.unixPath == nil)
        #expect(try roundTrip(address) == address)
    }

    @Test(arguments: [
        "localhost", "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "[::1]", "::g", "1.2.3.4 ", "unix:/a", "01.2.3.4",
    ])
    func whatIsNoLiteralAddressIsRefused(_ host: String) {
        #expect(SocketAddress(host: host, port: 80) == nil)
    }

    @Test func aUnixSocketHasAPathAndNoPort() {
        let address = SocketAddress.unix(path: "/run/keygate.sock")
        #expect(address.description == "unix:/run/keygate.sock")
        #expect(address.host == "unix")
        #expect(address.unixPath == "/run/keygate.sock")
        #expect(address.port == nil)
        #expect(address.ip6Halves == nil)
    }

    @Test(
        arguments: [
            ("127.0.0.1", 0, 0x0000_FFFF_7F00_0001), ("1.2.3.4", 0, 0x0000_FFFF_0102_0304),
            ("::ffff:1.2.3.4", 0, 0x0000_FFFF_0102_0304), ("::1", 0, 1),
            ("2001:db8:1:2:3:4:5:6", 0x2001_0DB8_0001_0002, 0x0003_0004_0005_0006),
        ] as [(String, UInt64, UInt64)])
    func bothFamiliesHaveOneForm(_ host: String, _ high: UInt64, _ low: UInt64) throws {
        let halves = try #require(SocketAddress(host: host, port: 9)?.ip6Halves)
        #expect(halves == (high, low))
    }

    @Test func aUnixPathMustFitItsStructure() throws {
        let longest = SocketAddress.unix(path: "/" + String(repeating: "x", count: 106))
        let family = try unsafe longest.withSockaddr { pointer, _ in unsafe Int32(pointer.pointee.sa_family) }
        #expect(family == AF_UNIX)
        let tooLong = SocketAddress.unix(path: "/" + String(repeating: "x", count: 107))
        #expect(throws: Errno(code: ENAMETOOLONG)) { try unsafe tooLong.withSockaddr { _, _ in () } }
    }

    private func roundTrip(_ address: SocketAddress) throws(Errno) -> SocketAddress {
        var storage = sockaddr_storage()
        try unsafe address.withSockaddr { (pointer, length) throws(Errno) in
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
            }
        }
        return SocketAddress(storage)
    }
}
