// Words, quotes, comments, `${NAME}`. The difficulty is the brace: it opens a block, and it is part of a path
// (`/orgs/{org}`). A brace at the start of a word opens or closes a block; inside of a word, `{name}` belongs
// to the word, and any other opening brace is refused rather than guessed at.

import Bytes

struct Lexer {
    enum Token {
        case word(Word)
        case open(Place)
        case close(Place)
        /// A line end or `;`.
        case separator
        case end(Place)
    }

    private let file: Int
    private let bytes: [UInt8]
    private let findings: Findings
    private let environment: (String) -> String?
    private var offset = 0

    init(file: Int, findings: Findings, environment: @escaping (String) -> String?) {
        self.file = file
        self.findings = findings
        self.environment = environment
        bytes = findings.files[file].bytes
    }

    // MARK: Directives

    mutating func next() -> Token {
        skipBlanks()
        guard let byte = peek() else { return .end(place(from: offset)) }
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: ";"):
            offset += 1
            return .separator
        case UInt8(ascii: "{"):
            offset += 1
            return .open(place(from: offset - 1))
        case UInt8(ascii: "}"):
            offset += 1
            return .close(place(from: offset - 1))
        default:
            return .word(readWord())
        }
    }

    private mutating func readWord() -> Word {
        var content = Content()
        let start = offset
        var isQuoted = false
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"),
                UInt8(ascii: ";"),
                UInt8(ascii: "}"):
                return finish(content, from: start, isQuoted: isQuoted)
            case UInt8(ascii: "{"):
                guard readCapture(into: &content) else {
                    return finish(content, from: start, isQuoted: isQuoted)
                }
            case UInt8(ascii: "\""):
                if offset > start, bytes[offset - 1] != UInt8(ascii: "=") {
                    findings.error(
                        "expected a space or \"=\" before a quote", at: place(from: offset, count: 1))
                }
                isQuoted = isQuoted || offset == start
                readQuoted(into: &content)
                if let next = peek(), !isWordEnd(next) {
                    findings.error(
                        "expected a space after the closing quote, found \(shown(next))",
                        at: place(from: offset, count: 1))
                }
                if offset < bytes.count, !isWordEnd(bytes[offset]) { skipWord() }
                return finish(content, from: start, isQuoted: isQuoted)
            default:
                readByte(into: &content)
            }
        }
        return finish(content, from: start, isQuoted: isQuoted)
    }

    /// `{name}` inside of a word. False at a brace that opens a block (`api{`), which is left where it is.
    private mutating func readCapture(into content: inout Content) -> Bool {
        var end = offset + 1
        while end < bytes.count, isNameByte(bytes[end]) { end += 1 }
        if end == offset + 1, end == bytes.count || isBlank(bytes[end]) || bytes[end] == UInt8(ascii: "\n") {
            return false
        }
        if end < bytes.count, bytes[end] == UInt8(ascii: "}"), end > offset + 1 {
            while offset <= end { takeByte(into: &content) }
            return true
        }
        findings.error(
            "expected {name} inside of a word, or a space before a \"{\" that opens a block",
            at: place(from: offset, count: 1))
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\n"), !isBlank(bytes[offset]) {
            takeByte(into: &content)
        }
        return true
    }

    // MARK: Expressions

    /// The next token of a `check` expression, or nil at the end of the directive, which stays unread.
    mutating func nextInExpression() -> ExpressionToken? {
        skipBlanks()
        guard let byte = peek() else { return nil }
        let start = offset
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: ";"), UInt8(ascii: "{"), UInt8(ascii: "}"):
            return nil
        case UInt8(ascii: "("): return symbol(.open, count: 1)
        case UInt8(ascii: ")"): return symbol(.close, count: 1)
        case UInt8(ascii: ","): return symbol(.comma, count: 1)
        case UInt8(ascii: "\""):
            var content = Content()
            readQuoted(into: &content)
            return ExpressionToken(kind: .string, word: finish(content, from: start, isQuoted: true))
        case UInt8(ascii: "="), UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"):
            return readComparison(byte)
        default:
            var content = Content()
            while let next = peek(), !isExpressionWordEnd(next) { readByte(into: &content) }
            return ExpressionToken(kind: .word, word: finish(content, from: start, isQuoted: false))
        }
    }

    private mutating func readComparison(_ byte: UInt8) -> ExpressionToken {
        let isDouble = offset + 1 < bytes.count && bytes[offset + 1] == UInt8(ascii: "=")
        switch byte {
        case UInt8(ascii: "<"):
            return symbol(.comparison(isDouble ? .lessOrEqual : .less), count: isDouble ? 2 : 1)
        case UInt8(ascii: ">"):
            return symbol(.comparison(isDouble ? .greaterOrEqual : .greater), count: isDouble ? 2 : 1)
        default:
            let kind: Comparison = byte == UInt8(ascii: "=") ? .equal : .notEqual
            if !isDouble {
                findings.error(
                    "expected \"\(kind.text)\", found \(shown(byte))", at: place(from: offset, count: 1))
            }
            return symbol(.comparison(kind), count: isDouble ? 2 : 1)
        }
    }

    private mutating func symbol(_ kind: ExpressionToken.Kind, count: Int) -> ExpressionToken {
        let start = offset
        var content = Content()
        for _ in 0..<count { takeByte(into: &content) }
        return ExpressionToken(kind: kind, word: finish(content, from: start, isQuoted: false))
    }

    // MARK: Pieces of words

    /// The text of a word while it is read.
    private struct Content {
        var text: [UInt8] = []
        /// Where the first byte of `text` stands.
        var start: Int?
        var isVerbatim = true
    }

    private func finish(_ content: Content, from start: Int, isQuoted: Bool) -> Word {
        Word(
            text: content.text, place: place(from: start),
            verbatimOffset: content.isVerbatim ? content.start ?? start : nil, isQuoted: isQuoted)
    }

    private mutating func takeByte(into content: inout Content) {
        if content.start == nil { content.start = offset }
        content.text.append(bytes[offset])
        offset += 1
    }

    /// One byte of a bare or quoted word, or one `${…}`.
    private mutating func readByte(into content: inout Content) {
        let byte = bytes[offset]
        if byte == UInt8(ascii: "$"), offset + 1 < bytes.count, bytes[offset + 1] == UInt8(ascii: "{") {
            readSubstitution(into: &content)
            return
        }
        if byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F {
            findings.error(
                "control characters are not allowed, found \(shown(byte))", at: place(from: offset, count: 1))
        }
        takeByte(into: &content)
    }

    private mutating func readQuoted(into content: inout Content) {
        let opening = offset
        // `NAME="…"`: the text is not where the word starts, so its bytes cannot be counted from there.
        if !content.text.isEmpty { content.isVerbatim = false }
        offset += 1
        if content.start == nil { content.start = offset }
        while let byte = peek(), byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return
            }
            if byte == UInt8(ascii: "\\") { readEscape(into: &content) } else { readByte(into: &content) }
        }
        findings.error(
            "expected a closing quote before the end of the line", at: place(from: opening, count: 1))
    }

    private mutating func readEscape(into content: inout Content) {
        content.isVerbatim = false
        let start = offset
        offset += 1
        switch peek() {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.text.append(bytes[offset])
        case UInt8(ascii: "n"): content.text.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "t"): content.text.append(UInt8(ascii: "\t"))
        case let other:
            let found =
                other.map { $0 == UInt8(ascii: "\n") ? "the end of the line" : shown($0) }
                ?? "the end of the file"
            findings.error(
                "expected one of \\\" \\\\ \\n \\t, found \(found) after \"\\\"",
                at: place(from: start, count: 1))
            return
        }
        offset += 1
    }

    /// `${NAME}` or `${NAME:-default}`; as in a shell, the default stands in for an unset and an empty one.
    private mutating func readSubstitution(into content: inout Content) {
        content.isVerbatim = false
        let start = offset
        offset += 2
        let nameStart = offset
        while let byte = peek(), ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_") {
            offset += 1
        }
        let name = String(decoding: bytes[nameStart..<offset], as: UTF8.self)
        var fallback: ArraySlice<UInt8>?
        if offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: ":"),
            bytes[offset + 1] == UInt8(ascii: "-")
        {
            offset += 2
            let defaultStart = offset
            while let byte = peek(), byte != UInt8(ascii: "}"), byte != UInt8(ascii: "\n") { offset += 1 }
            fallback = bytes[defaultStart..<offset]
        }
        guard peek() == UInt8(ascii: "}"), !name.isEmpty else {
            if peek() == UInt8(ascii: "}") { offset += 1 }
            findings.error("expected ${NAME} or ${NAME:-default}", at: place(from: start))
            return
        }
        offset += 1
        let value = environment(name)
        if let value, !value.isEmpty || fallback == nil {
            if value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
                findings.error(
                    "the environment variable \(name) contains a control character", at: place(from: start))
            }
            content.text.append(contentsOf: value.utf8)
        } else if let fallback {
            content.text.append(contentsOf: fallback)
        } else {
            findings.error(
                "the environment variable \(name) is not set; set it or write ${\(name):-default}",
                at: place(from: start))
        }
    }

    // MARK: Bytes

    private func peek() -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private func place(from start: Int) -> Place { Place(file: file, range: start..<max(start, offset)) }

    private func place(from start: Int, count: Int) -> Place {
        Place(file: file, range: start..<(start + count))
    }

    /// Blanks and a comment, up to the line end.
    private mutating func skipBlanks() {
        while let byte = peek(), isBlank(byte) { offset += 1 }
        if peek() == UInt8(ascii: "#") {
            while let byte = peek(), byte != UInt8(ascii: "\n") { offset += 1 }
        }
    }

    private mutating func skipWord() {
        while let byte = peek(), !isWordEnd(byte) { offset += 1 }
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private func isWordEnd(_ byte: UInt8) -> Bool {
        isBlank(byte) || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "}")
            || byte == UInt8(ascii: "{")
    }

    private func isExpressionWordEnd(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "="),
            UInt8(ascii: "!"), UInt8(ascii: "<"), UInt8(ascii: ">"):
            true
        default:
            isWordEnd(byte)
        }
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private func shown(_ byte: UInt8) -> String {
        if ASCII.isPrintable(byte) { return "\"\(Character(Unicode.Scalar(byte)))\"" }
        return
            "byte 0x\(String(decoding: [Hex.lowerDigit(byte >> 4), Hex.lowerDigit(byte & 15)], as: UTF8.self))"
    }
}
