// The last place before the wire. Lines are looked at both as tests may read them and as libcurl will: the
// sealed list of NUL-terminated strings.

import Bytes
import CCurl
import Testing

@testable import Upstream

@Suite struct HeaderLinesTests {
    private func append(_ name: String, _ value: [UInt8], to lines: inout HeaderLines) -> Bool {
        let name = Array(name.utf8)
        return lines.append(name: name.span, value: value.span)
    }

    private func append(_ name: String, _ value: String, to lines: inout HeaderLines) -> Bool {
        append(name, Array(value.utf8), to: &lines)
    }

    /// The lines as libcurl finds them, one to a node.
    private func sealed(_ lines: inout HeaderLines) -> [String] {
        unsafe texts(of: lines.seal())
    }

    /// The nodes of a request.
    private func joined(_ lines: inout HeaderLines, isChunked: Bool = false) -> [String] {
        unsafe texts(of: lines.sealForRequest(isChunked: isChunked))
    }

    @unsafe private func texts(of first: UnsafeMutablePointer<curl_slist>?) -> [String] {
        var found: [String] = []
        var node = unsafe first
        while let current = unsafe node {
            found.append(unsafe String(cString: current.pointee.data))
            unsafe node = current.pointee.next
        }
        return found
    }

    private func shown(_ lines: borrowing HeaderLines) -> [String] {
        var found: [String] = []
        lines.forEachLine { found.append(String(forDisplay: $0)) }
        return found
    }

    @Test func linesStandInTheOrderTheyWereWritten() {
        var lines = HeaderLines()
        #expect(append("X-A", "1", to: &lines))
        lines.begin(name: "X-B")
        lines.value("two ")
        lines.value(decimal: -3)
        lines.value(UInt8(ascii: "!"))
        #expect(lines.openValueCount == 7)
        #expect(lines.end() == true)
        #expect(append("x-a", "é", to: &lines))
        #expect(lines.count == 3)
        #expect(shown(lines) == ["X-A: 1", "X-B: two -3!", "x-a: é"])
        #expect(sealed(&lines) == ["X-A: 1", "X-B: two -3!", "x-a: é"])
    }

    @Test(arguments: [
        "a\r\nEvil: 1", "a\nEvil: 1", "a\rEvil: 1", "a\u{0}b", "\r", "\n", "\u{0}", "end\r\n",
    ])
    func aValueThatWouldEndItsLineIsTakenBack(_ value: String) {
        var lines = HeaderLines()
        #expect(append("X-Before", "1", to: &lines))
        #expect(!append("X-Bad", value, to: &lines))
        #expect(append("X-After", "2", to: &lines))
        #expect(sealed(&lines) == ["X-Before: 1", "X-After: 2"])
    }

    /// Every byte, in front, in the middle and at the end: three are refused and no other.
    @Test func justThreeBytesAreRefused() {
        for byte in UInt8.min...UInt8.max {
            let isRefused = [0x00, 0x0A, 0x0D].contains(byte)
            for value in [[byte, 0x61, 0x61], [0x61, byte, 0x61], [0x61, 0x61, byte]] {
                var lines = HeaderLines()
                #expect(append("X", value, to: &lines) == !isRefused, "\(value)")
                #expect(lines.count == (isRefused ? 0 : 1))
            }
        }
    }

    @Test func anEmptyValueTakesTheFormThatLibcurlSends() {
        var lines = HeaderLines()
        #expect(append("X-Empty", "", to: &lines))
        #expect(append("X-Next", "1", to: &lines))
        #expect(sealed(&lines) == ["X-Empty;", "X-Next: 1"])
    }

    @Test func aSuppressedHeaderTakesTheFormThatLibcurlLeavesOut() {
        var lines = HeaderLines()
        lines.suppress("Accept")
        #expect(append("X-A", "1", to: &lines))
        lines.suppress("Expect")
        #expect(sealed(&lines) == ["Accept:", "X-A: 1", "Expect:"])
    }

    @Test func linesOfARequestAreJoinedButForThoseThatLibcurlMustFind() {
        var lines = HeaderLines()
        #expect(append("Host", "api.test", to: &lines))
        #expect(append("X-A", "1", to: &lines))
        #expect(append("Accept", "text/plain", to: &lines))
        lines.suppress("User-Agent")
        #expect(append("X-B", "2", to: &lines))
        #expect(append("X-Empty", "", to: &lines))
        #expect(append("X-C", "3", to: &lines))
        #expect(append("x-d", "4", to: &lines))
        #expect(append("eXPECT", "100-continue", to: &lines))
        #expect(append("Expected", "5", to: &lines))
        let expected = [
            "Accept:", "Host:", "Host: api.test\r\nX-A: 1\r\nAccept: text/plain", "User-Agent:", "X-B: 2",
            "X-Empty;", "X-C: 3\r\nx-d: 4",
            "eXPECT: 100-continue", "Expected: 5",
        ]
        #expect(joined(&lines) == expected)
        // Nothing is left of one form in the other.
        let apart = [
            "Host: api.test", "X-A: 1", "Accept: text/plain", "User-Agent:", "X-B: 2", "X-Empty;", "X-C: 3",
            "x-d: 4",
            "eXPECT: 100-continue", "Expected: 5",
        ]
        #expect(sealed(&lines) == apart)
        #expect(shown(lines) == apart)
        #expect(joined(&lines) == expected)
        #expect(
            joined(&lines, isChunked: true) == ["Accept:", "Host: api.test", "X-A: 1\r\nAccept: text/plain"]
                + expected[3...])
        var copy = HeaderLines()
        copy.copy(lines, firstName: "Host", firstValue: Array("other.test:80".utf8))
        #expect(
            joined(&copy) == ["Accept:", "Host:", "Host: other.test:80\r\nX-A: 1\r\nAccept: text/plain"]
                + expected[3...])
    }

    @Test func anEmptyHostIsLibcurlsToSend() {
        var lines = HeaderLines()
        #expect(append("Host", "", to: &lines))
        #expect(append("X-A", "1", to: &lines))
        #expect(joined(&lines) == ["Accept:", "Host;", "X-A: 1"])
    }

    @Test func anAbandonedLineLeavesNothing() {
        var lines = HeaderLines()
        #expect(append("X-A", "1", to: &lines))
        lines.begin(name: "X-Secret")
        lines.value("half of it")
        lines.abandon()
        #expect(lines.count == 1)
        #expect(append("X-B", "2", to: &lines))
        #expect(sealed(&lines) == ["X-A: 1", "X-B: 2"])
    }

    @Test func moreLinesThanNodesAreAllLinked() {
        var lines = HeaderLines()
        for round in 0..<3 {
            lines.removeAll()
            let expected = (0..<(round + 1) * 200).map { "X-Line-\($0): value \($0 * 7)" }
            for number in 0..<(round + 1) * 200 {
                #expect(append("X-Line-\(number)", "value \(number * 7)", to: &lines))
            }
            #expect(sealed(&lines) == expected)
            #expect(joined(&lines) == ["Accept:", expected.joined(separator: "\r\n")])
            #expect(shown(lines) == expected)
        }
    }

    @Test func nothingIsNoList() {
        var lines = HeaderLines()
        #expect(sealed(&lines) == [])
        #expect(joined(&lines) == [])
        #expect(append("X-A", "1", to: &lines))
        lines.removeAll()
        #expect(lines.count == 0)
        #expect(sealed(&lines) == [])
    }

    @Test func aLineInsideAnotherTraps() async {
        await #expect(processExitsWith: .failure) {
            var lines = HeaderLines()
            lines.begin(name: "X-A")
            lines.begin(name: "X-B")
        }
        await #expect(processExitsWith: .failure) {
            var lines = HeaderLines()
            lines.begin(name: "X-A")
            lines.suppress("X-B")
        }
    }

    @Test func anUnfinishedLineCannotBeSealedNorFinishedTwice() async {
        await #expect(processExitsWith: .failure) {
            var lines = HeaderLines()
            lines.begin(name: "X-A")
            _ = unsafe lines.seal()
        }
        await #expect(processExitsWith: .failure) {
            var lines = HeaderLines()
            _ = lines.end()
        }
    }

    @Test(arguments: [nil, "second.test"] as [String?])
    func aCopyDiffersInItsFirstValueOnly(_ host: String?) {
        var lines = HeaderLines()
        for (name, value) in [("Host", "first.test"), ("X-Empty", ""), ("X-Long", "a b c")] {
            let added = lines.append(name: Array(name.utf8).span, value: Array(value.utf8).span)
            #expect(added)
        }
        lines.suppress("Accept")
        var copy = HeaderLines()
        let leftOver = copy.append(name: Array("X-Old".utf8).span, value: Array("1".utf8).span)
        #expect(leftOver)
        copy.copy(lines, firstName: "Host", firstValue: host.map { Array($0.utf8) })
        var found: [String] = []
        copy.forEachLine { found.append(String(forDisplay: $0)) }
        #expect(found == ["Host: \(host ?? "first.test")", "X-Empty;", "X-Long: a b c", "Accept:"])
        // It is no view of the other's memory.
        lines.removeAll()
        var again: [String] = []
        copy.forEachLine { again.append(String(forDisplay: $0)) }
        #expect(again == found)
    }
}
