// Bare words of an expression: operands, numbers, booleans, or text.

import Bytes

struct OperandReader {
    /// Why a word is refused, and which part of it.
    struct Objection: Error {
        let message: String
        let part: Range<Int>
    }

    private static let namespaces = ["key", "identity", "path", "query", "header", "client"]

    /// Names in the pattern of the route.
    let captures: [[UInt8]]

    func term(_ word: Word) throws(Objection) -> CheckTerm {
        let text = word.string
        switch text {
        case "true": return .value(.bool(true), word)
        case "false": return .value(.bool(false), word)
        case "method": return .operand(Operand(kind: .method, text: text), word)
        case "now": return .operand(Operand(kind: .now, text: text), word)
        default: break
        }
        if let number = JSONNumber.value(of: word.text.span) { return .value(number, word) }
        guard let (head, rest) = word.cut(at: UInt8(ascii: ".")) else { return .text(word) }
        let whole = 0..<word.text.count
        switch head.string {
        case "key", "identity":
            guard let source = CallerSource(word) else {
                throw Objection(message: Self.unknownField(text), part: whole)
            }
            return .operand(Operand(kind: .caller(source.field), metaPath: source.path, text: text), word)
        case "client":
            switch rest.string {
            case "ip": return .operand(Operand(kind: .clientAddress, text: text), word)
            case "subject": return .operand(Operand(kind: .clientSubject, text: text), word)
            default:
                throw Objection(
                    message: "expected client.ip or client.subject, found \(word.shown)", part: whole)
            }
        case "path":
            guard let index = captures.firstIndex(of: rest.text) else {
                throw Objection(message: unknownCapture(rest.string), part: whole)
            }
            return .operand(Operand(kind: .path, captureIndex: index, text: text), word)
        case "query":
            guard !rest.text.isEmpty else {
                throw Objection(message: "expected query.NAME, found \(word.shown)", part: whole)
            }
            return .operand(Operand(kind: .query, name: rest.text, text: text), word)
        case "header":
            guard ASCII.isToken(rest.text.span) else {
                throw Objection(message: "expected header.NAME, found \(word.shown)", part: whole)
            }
            return .operand(Operand(kind: .header, name: rest.text.map(ASCII.lower), text: text), word)
        case let other:
            if let near = NearestWord.nearest(to: other, in: Self.namespaces) {
                throw Objection(
                    message:
                        "\(word.shown) looks like an operand, expected \"\(near).…\"; quote it if it is text",
                    part: 0..<head.text.count)
            }
            return .text(word)
        }
    }

    /// For a word that was taken for text where an operand should be.
    static func hint(for word: Word) -> String {
        if word.isQuoted { return "" }
        if namespaces.contains(word.string) { return "; did you mean \"\(word.string).…\"?" }
        return NearestWord.hint(for: word.string, in: ["method", "now"])
    }

    static func unknownField(_ text: String) -> String {
        var hint = NearestWord.hint(for: text, in: CallerField.choices)
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        if hint.isEmpty, parts.count == 2, parts[1] != "meta", parts[0] == "key" || parts[0] == "identity" {
            // Most of what people look for there is metadata.
            hint = "; did you mean \"\(parts[0]).meta.\(parts[1])\"?"
        }
        return "expected one of \(CallerField.choices.joined(separator: ", ")), found \"\(text)\"\(hint)"
    }

    private func unknownCapture(_ name: String) -> String {
        let known = captures.map { String(decoding: $0, as: UTF8.self) }
        if known.isEmpty {
            return "the pattern of this route has no {name} that path.\(name) could stand for"
        }
        let choices = known.map { "path.\($0)" }
        return "expected \(choices.joined(separator: " or ")), found \"path.\(name)\""
            + NearestWord.hint(for: "path.\(name)", in: choices)
    }
}
