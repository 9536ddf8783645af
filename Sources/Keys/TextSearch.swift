// The search of lists: a literal text somewhere in a few sections, ASCII letter case aside.

import Bytes

struct TextSearch {
    private let wanted: [UInt8]

    /// Spaces around the text do not count; an empty text finds everything.
    init(_ text: String) {
        let bytes = Array(text.utf8)
        let range = ASCII.trimmed(bytes.span)
        wanted = bytes[range].map { ASCII.lower($0) }
    }

    func finds(in block: Block, _ sections: [Range<Int>]) -> Bool {
        if wanted.isEmpty { return true }
        return sections.contains { section in block.with(section) { occurs(in: $0) } }
    }

    private func occurs(in text: Span<UInt8>) -> Bool {
        guard text.count >= wanted.count else { return false }
        return (0...(text.count - wanted.count)).contains { start in
            wanted.indices.allSatisfy { ASCII.lower(text[start + $0]) == wanted[$0] }
        }
    }
}
