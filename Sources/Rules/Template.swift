// Text with holes: tag values and rewritten paths. Cut into pieces once, so that filling it in on a request is
// a run of appends.

public enum TemplatePiece: Sendable, Hashable {
    case literal([UInt8])
    /// The path's segment at this index of `Route.captureNames`.
    case capture(Int)
    /// What `**` matched, without the slash before it.
    case rest
    case method
    /// The pattern of the route.
    case route
    case host
}

/// A tag of verification events and log lines.
public struct Tag: Sendable, Hashable {
    public let name: [UInt8]
    public let value: [TemplatePiece]
    /// `name=value` as written.
    public let text: String
}

enum Template {
    static let variables = ["$method", "$route", "$host"]

    /// Cuts a tag's value into pieces, or reports why not. Nil after a report.
    static func pieces(tagValue word: Word, captures: [[UInt8]], findings: Findings) -> [TemplatePiece]? {
        var scanner = TemplateScanner(word: word, captures: captures, findings: findings)
        return scanner.scan(allowing: .variables)
    }

    /// Cuts a rewritten path into pieces; a final `**` is what the pattern's `**` matched.
    static func pieces(path word: Word, captures: [[UInt8]], findings: Findings) -> [TemplatePiece]? {
        var scanner = TemplateScanner(word: word, captures: captures, findings: findings)
        return scanner.scan(allowing: .rest)
    }
}

private struct TemplateScanner {
    enum Extra { case variables, rest }

    let word: Word
    let captures: [[UInt8]]
    let findings: Findings
    var pieces: [TemplatePiece] = []
    var literal: [UInt8] = []

    mutating func scan(allowing extra: Extra) -> [TemplatePiece]? {
        let text = word.text
        var offset = 0
        while offset < text.count {
            let byte = text[offset]
            if byte == UInt8(ascii: "{") {
                guard let end = text[offset...].firstIndex(of: UInt8(ascii: "}")) else {
                    findings.error("expected \"}\" after the name", at: word.place(of: offset..<text.count))
                    return nil
                }
                let name = Array(text[(offset + 1)..<end])
                guard let index = captures.firstIndex(of: name) else {
                    reportUnknownCapture(name, at: offset..<(end + 1))
                    return nil
                }
                add(.capture(index))
                offset = end + 1
            } else if byte == UInt8(ascii: "$"), extra == .variables {
                var end = offset + 1
                while end < text.count, text[end] | 0x20 >= UInt8(ascii: "a"),
                    text[end] | 0x20 <= UInt8(ascii: "z")
                {
                    end += 1
                }
                let name = String(decoding: text[offset..<end], as: UTF8.self)
                switch name {
                case "$method": add(.method)
                case "$route": add(.route)
                case "$host": add(.host)
                default:
                    findings.error(
                        "expected $method, $route or $host, found \"\(name)\""
                            + NearestWord.hint(for: name, in: Template.variables),
                        at: word.place(of: offset..<end))
                    return nil
                }
                offset = end
            } else if extra == .rest, text[offset...].elementsEqual("**".utf8) {
                add(.rest)
                offset += 2
            } else {
                literal.append(byte)
                offset += 1
            }
        }
        flush()
        return pieces
    }

    private func reportUnknownCapture(_ name: [UInt8], at range: Range<Int>) {
        let known = captures.map { String(decoding: $0, as: UTF8.self) }
        let shown = String(decoding: name, as: UTF8.self)
        let choice = known.isEmpty ? "no {name} here" : known.map { "{\($0)}" }.joined(separator: ", ")
        findings.error(
            "expected \(choice), found \"{\(shown)}\"" + NearestWord.hint(for: shown, in: known),
            at: word.place(of: range))
    }

    private mutating func add(_ piece: TemplatePiece) {
        flush()
        pieces.append(piece)
    }

    private mutating func flush() {
        if literal.isEmpty { return }
        pieces.append(.literal(literal))
        literal = []
    }
}
