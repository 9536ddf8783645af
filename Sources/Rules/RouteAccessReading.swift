// The part of a route that says who may pass: `public`, `authenticated` or `require EXPR`, exactly one of them.

import Access
import Bytes

extension RouteBody {
    mutating func readAccess(_ directive: Directive) {
        let one = "expected exactly one of public, authenticated or require in a route"
        guard findings.note(directive.head, in: &accessPlace, one) else { return }
        switch directive.name.string {
        case "public":
            if findings.arguments(directive, 0...0, "nothing after \"public\"") != nil { access = .open }
        case "authenticated":
            if findings.arguments(directive, 0...0, "nothing after \"authenticated\"") != nil {
                access = .authenticated
            }
        default:
            readRequirement(directive)
        }
    }

    /// require EXPR, quoted or not; several words are one expression.
    private mutating func readRequirement(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1000, "require PERMISSIONS") else { return }
        var text: [UInt8] = []
        var starts: [Int] = []
        for word in words {
            if !text.isEmpty { text.append(UInt8(ascii: " ")) }
            starts.append(text.count)
            text += word.text
        }
        /// The word that holds an offset of `text`, and the offset in it.
        func place(_ offset: Int, _ count: Int) -> Place {
            let index = starts.lastIndex { $0 <= offset } ?? 0
            let start = min(offset - starts[index], words[index].text.count)
            return words[index].place(of: start..<min(start + count, words[index].text.count))
        }
        do {
            let query = try PermissionQuery(parsing: text.span)
            access = .requires(query)
            var searched = 0
            for name in query.leaves {
                // Leaves come in the order of the text, so each is found behind the one before.
                let offset = Self.offset(of: name.bytes, in: text, from: searched)
                searched = offset + name.bytes.count
                permissionUses.append(
                    PermissionUse(name: name, excerpt: findings.excerpt(of: place(offset, name.bytes.count))))
            }
        } catch {
            findings.error(error.message + Self.hint(error), at: place(error.position, 1))
        }
    }

    /// What other languages write for the words between permissions.
    private static func hint(_ error: PermissionQueryError) -> String {
        switch error.kind {
        case .illegalByte(UInt8(ascii: "&")): "; did you mean \"AND\"?"
        case .illegalByte(UInt8(ascii: "|")), .illegalByte(UInt8(ascii: ",")):
            "; several permissions are joined by AND or OR"
        case .empty, .tooLong, .illegalByte, .expectedOperand, .expectedOperator, .unclosedParenthesis,
            .unopenedParenthesis:
            ""
        }
    }

    /// Where a whole word stands in the text of a query that contains it.
    private static func offset(of word: [UInt8], in text: [UInt8], from start: Int) -> Int {
        var offset = start
        while offset < text.count {
            var end = offset
            while end < text.count, !isSeparator(text[end]) { end += 1 }
            if text[offset..<end].elementsEqual(word) { return offset }
            offset = end + 1
        }
        return start
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
    }
}
