import Bytes
import HTTP1
import Testing

/// A header by which the upstream tells the gateway a number: read wherever it stands, and nowhere left.
@Suite struct WithheldNumbers {
    /// What was read, and everything that was kept of head and trailers.
    private static func read(_ text: String) -> (stated: StatedNumber, kept: String, events: [ResponseEvent])
    {
        var lines = ResponseLines()
        lines.withhold(latin1("X-Used"))
        var events: [ResponseEvent] = []
        var kept = ""
        var line: [UInt8] = []
        for byte in latin1(text) {
            line.append(byte)
            if byte != UInt8(ascii: "\n") { continue }
            let event = lines.line(line.span)
            line = []
            if event != .more { events.append(event) }
            switch event {
            case .interim, .head: kept += Self.text(lines.head.section)
            case .more, .switched, .trailer, .malformed: break
            }
        }
        return (lines.withheldNumber, kept + Self.text(lines.trailers), events)
    }

    private static func text(_ section: borrowing FieldSection) -> String {
        var text = ""
        for field in section.fields.fields {
            text += String(decoding: Array(copying: section.buffer[field.name]), as: UTF8.self) + " "
        }
        return text
    }

    @Test(
        arguments: [
            ("X-Used: 7", StatedNumber.number(7)), ("x-USED:7", .number(7)), ("X-Used: 0", .number(0)),
            ("X-Used: 007", .number(7)), ("X-Used:  7 \t", .number(7)),
            ("X-Used: 9223372036854775807", .number(.max)), ("X-Used: 9223372036854775808", .number(.max)),
            ("X-Used: \(String(repeating: "9", count: 4000))", .number(.max)),
            ("X-Used: 7\r\nX-Used: 7", .number(7)), ("X-Used: 7\r\nX-Used: 07", .number(7)),
            ("X-Used: 7\r\nX-Used: 8", .malformed), ("X-Used: 7\r\nX-Used: x\r\nX-Used: 7", .malformed),
            ("X-Used: 7\r\nX-Used: 8\r\nX-Used: 8", .malformed),
            ("X-Used: -7", .malformed), ("X-Used: +7", .malformed), ("X-Used: 7.0", .malformed),
            ("X-Used: 7, 7", .malformed), ("X-Used: 7 8", .malformed), ("X-Used:", .malformed),
            ("X-Used: 0x7", .malformed), ("X-Used: seven", .malformed), ("X-Used: \u{B2}", .malformed),
            ("X-Used: 9999999999999999999x", .malformed),
            ("X_Used: 7", .nothing), ("X-Used-Up: 7", .nothing),
        ])
    func areReadStrictly(_ fields: String, _ stated: StatedNumber) {
        let isRead = stated != .nothing
        let head = Self.read("HTTP/1.1 200 OK\r\nA: 1\r\n\(fields)\r\nB: 2\r\n\r\n")
        #expect(head.stated == stated)
        #expect(head.events == [.head])
        #expect(isRead == (head.kept == "A B "), "\(head.kept)")
        let trailer = Self.read("HTTP/1.1 200 OK\r\n\r\nA: 1\r\n\(fields)\r\nB: 2\r\n\r\n")
        #expect(trailer.stated == stated)
        #expect(isRead == (trailer.kept == "A B "), "\(trailer.kept)")
    }

    @Test(
        "the last word counts",
        arguments: [
            ("HTTP/1.1 200 OK\r\nX-Used: 5\r\n\r\nX-Used: 9\r\n\r\n", StatedNumber.number(9)),
            ("HTTP/1.1 200 OK\r\nX-Used: 5\r\n\r\nX-Used: many\r\n\r\n", .malformed),
            ("HTTP/1.1 200 OK\r\nX-Used: many\r\n\r\nX-Used: 9\r\n\r\n", .number(9)),
            ("HTTP/1.1 200 OK\r\nX-Used: 5\r\n\r\nA: 9\r\n\r\n", .number(5)),
            ("HTTP/1.1 103 Early Hints\r\nX-Used: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", .nothing),
            ("HTTP/1.1 103 Early Hints\r\nX-Used: 5\r\n\r\nHTTP/1.1 200 OK\r\nX-Used: 6\r\n\r\n", .number(6)),
            ("HTTP/1.1 500 Oh\r\nX-Used: 6\r\n\r\n", .number(6)),
        ])
    func order(_ text: String, _ stated: StatedNumber) {
        let read = Self.read(text)
        #expect(read.stated == stated)
        #expect(!read.kept.contains("X-Used"))
    }

    @Test(
        "what will not come is not announced",
        arguments: [
            ("X-Used", ""), ("x-used, X-Used", ""), ("X-Sum", "X-Sum"), ("X-Sum, X-Used", "X-Sum"),
            ("X-Used ,X-Sum", "X-Sum"), ("X-Sum,, X-Used , X-More", "X-Sum, X-More"),
            ("X-Used-Up", "X-Used-Up"), ("", ""),
        ])
    func announcement(_ announced: String, _ kept: String) {
        var lines = ResponseLines()
        lines.withhold(latin1("X-Used"))
        for line in ["HTTP/1.1 200 OK\r\n", "A: 1\r\n", "Trailer: \(announced)\r\n", "\r\n"] {
            _ = lines.line(latin1(line).span)
        }
        var values: [String] = []
        for field in lines.head.section.fields.fields where field.kind == .trailer {
            values.append(
                String(decoding: Array(copying: lines.head.section.buffer[field.value]), as: UTF8.self))
        }
        #expect(values == (kept.isEmpty && !announced.isEmpty ? [] : [kept]))
    }

    @Test("a line that is no field is refused all the same") func malformedLines() {
        #expect(
            Self.read("HTTP/1.1 200 OK\r\nX-Used : 5\r\n").events == [.malformed(.field(.spaceBeforeColon))])
        #expect(
            Self.read("HTTP/1.1 200 OK\r\n\r\nX-Used : 5\r\n").events == [
                .head, .malformed(.field(.spaceBeforeColon)),
            ])
    }

    @Test("nothing is withheld that was not asked for, nor from the next answer") func reset() {
        var lines = ResponseLines()
        lines.withhold(latin1("X-Used"))
        for line in ["HTTP/1.1 200 OK\r\n", "X-Used: 5\r\n", "\r\n", "X-Used: 6\r\n"] {
            _ = lines.line(latin1(line).span)
        }
        #expect(lines.withheldNumber == .number(6))
        lines.reset()
        #expect(lines.withheldNumber == .nothing)
        for line in ["HTTP/1.1 200 OK\r\n", "X-Used: 5\r\n", "\r\n"] { _ = lines.line(latin1(line).span) }
        #expect(lines.withheldNumber == .nothing)
        #expect(Self.text(lines.head.section) == "X-Used ")
    }
}
