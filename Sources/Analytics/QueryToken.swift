// The words of a query. Keywords are not told from names here: SQL has no reserved words that everybody
// agrees on, so the parser asks for them where they may stand.

import Bytes

/// A piece of a query and where it stands.
struct QueryToken: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// A word as written; `quoted` ones, in backticks or double quotes, are never keywords.
        case word(String, quoted: Bool)
        case integer(Int64)
        case real(Double)
        case text([UInt8])
        /// One of the operators and punctuation marks.
        case mark(String)
        case end
    }

    let kind: Kind
    /// Bytes before it.
    let offset: Int
}

struct QueryLexer {
    static let maxBytes = 16 << 10
    private static let marks = [
        "->", "<=", ">=", "<>", "!=", "==", "||", "::", "(", ")", ",", ".", ";", "*", "/", "%", "+", "-", "<",
        ">", "=", "[", "]", "?", ":",
    ].map { Array($0.utf8) }

    private let bytes: [UInt8]
    private var offset = 0

    /// The tokens of a text, with `.end` behind the last.
    static func tokens(_ text: String) throws(QueryError) -> [QueryToken] {
        var lexer = QueryLexer(bytes: Array(text.utf8))
        guard lexer.bytes.count <= maxBytes else {
            throw .invalid("the query is \(lexer.bytes.count) bytes, limit is \(maxBytes)")
        }
        var tokens: [QueryToken] = []
        repeat { tokens.append(try lexer.next()) } while tokens[tokens.count - 1].kind != .end
        return tokens
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func next() throws(QueryError) -> QueryToken {
        try skipSpace()
        let start = offset
        guard offset < bytes.count else { return QueryToken(kind: .end, offset: start) }
        let byte = bytes[offset]
        let kind: QueryToken.Kind
        if ASCII.isLetter(byte) || byte == UInt8(ascii: "_") {
            while offset < bytes.count,
                ASCII.isLetter(bytes[offset]) || ASCII.isDigit(bytes[offset])
                    || bytes[offset] == UInt8(ascii: "_")
            {
                offset += 1
            }
            kind = .word(String(decoding: bytes[start..<offset], as: UTF8.self), quoted: false)
        } else if ASCII.isDigit(byte) || byte == UInt8(ascii: ".") && digitFollows(offset) {
            kind = try number()
        } else if byte == UInt8(ascii: "'") {
            kind = .text(try quoted(byte))
        } else if byte == UInt8(ascii: "`") || byte == UInt8(ascii: "\"") {
            kind = .word(String(decoding: try quoted(byte), as: UTF8.self), quoted: true)
        } else if let mark = Self.marks.first(where: { bytes[offset...].starts(with: $0) }) {
            offset += mark.count
            kind = .mark(String(decoding: mark, as: UTF8.self))
        } else {
            throw .invalid("unexpected character at byte \(offset)")
        }
        return QueryToken(kind: kind, offset: start)
    }

    private func digitFollows(_ index: Int) -> Bool {
        index + 1 < bytes.count && ASCII.isDigit(bytes[index + 1])
    }

    /// White space and comments: `-- …` to the end of the line, `/* … */`.
    private mutating func skipSpace() throws(QueryError) {
        while offset < bytes.count {
            let rest = bytes[offset...]
            if rest.starts(with: "--".utf8) {
                while offset < bytes.count, bytes[offset] != 0x0A { offset += 1 }
            } else if rest.starts(with: "/*".utf8) {
                let start = offset
                offset += 2
                while !bytes[offset...].starts(with: "*/".utf8) {
                    guard offset < bytes.count else {
                        throw .invalid("the comment at byte \(start) has no end")
                    }
                    offset += 1
                }
                offset += 2
            } else if [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) {
                offset += 1
            } else {
                return
            }
        }
    }

    private mutating func number() throws(QueryError) -> QueryToken.Kind {
        let start = offset
        var isReal = false
        func isPart(_ byte: UInt8) -> Bool { ASCII.isDigit(byte) || byte == UInt8(ascii: ".") }
        while offset < bytes.count, isPart(bytes[offset]) {
            if bytes[offset] == UInt8(ascii: ".") { isReal = true }
            offset += 1
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            isReal = true
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") || bytes[offset] == UInt8(ascii: "+")
            {
                offset += 1
            }
            while offset < bytes.count, ASCII.isDigit(bytes[offset]) { offset += 1 }
        }
        let digits = String(decoding: bytes[start..<offset], as: UTF8.self)
        if offset < bytes.count, ASCII.isLetter(bytes[offset]) || bytes[offset] == UInt8(ascii: "_") {
            throw .invalid("a word begins within the number at byte \(start)")
        }
        if !isReal, let value = Int64(digits) { return .integer(value) }
        guard let value = Double(digits) else { throw .invalid("malformed number at byte \(start)") }
        return .real(value)
    }

    /// A quoted text; the quotation mark is written twice or behind a backslash inside.
    private mutating func quoted(_ quote: UInt8) throws(QueryError) -> [UInt8] {
        let start = offset
        var result: [UInt8] = []
        offset += 1
        while offset < bytes.count {
            let byte = bytes[offset]
            let next = offset + 1 < bytes.count ? bytes[offset + 1] : 0
            if byte == quote {
                guard next == quote else {
                    offset += 1
                    return result
                }
                result.append(quote)
                offset += 2
            } else if byte == UInt8(ascii: "\\"), offset + 1 < bytes.count {
                Self.append(escape: next, to: &result)
                offset += 2
            } else {
                result.append(byte)
                offset += 1
            }
        }
        throw .invalid("the text at byte \(start) has no end")
    }

    private static func append(escape: UInt8, to result: inout [UInt8]) {
        switch escape {
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "r"): result.append(0x0D)
        // What is left of `\%` and `\_` is for LIKE to read.
        case UInt8(ascii: "%"), UInt8(ascii: "_"): result += [UInt8(ascii: "\\"), escape]
        default: result.append(escape)
        }
    }
}
