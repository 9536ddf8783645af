// What the parser makes of the text before anybody asks what it means: directives with words and blocks. Words
// remember where each of their bytes came from, so that an error inside of an address or an expression points
// at the byte and not at the line.

/// One bare or quoted word, escapes and `${…}` resolved.
struct Word {
    let text: [UInt8]
    let place: Place
    /// Where `text[0]` stands, if the text stands in the file as it is: no escapes, no `${…}`.
    let verbatimOffset: Int?
    let isQuoted: Bool

    var string: String { String(decoding: text, as: UTF8.self) }
    /// The word as messages show it.
    var shown: String { "\"\(string)\"" }

    func isBare(_ literal: String) -> Bool { !isQuoted && text.elementsEqual(literal.utf8) }

    /// Where a part of the text stands; the whole word if that cannot be told.
    func place(of part: Range<Int>) -> Place {
        guard let start = verbatimOffset else { return place }
        return Place(file: place.file, range: (start + part.lowerBound)..<(start + part.upperBound))
    }

    func part(_ range: Range<Int>) -> Word {
        Word(
            text: Array(text[range]), place: place(of: range),
            verbatimOffset: verbatimOffset.map { $0 + range.lowerBound }, isQuoted: isQuoted)
    }

    /// The word cut at each `separator`; at least one part, parts may be empty.
    func split(at separator: UInt8) -> [Word] {
        var parts: [Word] = []
        var start = 0
        for index in text.indices where text[index] == separator {
            parts.append(part(start..<index))
            start = index + 1
        }
        parts.append(part(start..<text.count))
        return parts
    }

    /// What stands before and behind the first `separator`.
    func cut(at separator: UInt8) -> (before: Word, behind: Word)? {
        guard let index = text.firstIndex(of: separator) else { return nil }
        return (part(0..<index), part((index + 1)..<text.count))
    }
}

/// One token of a `check` expression.
struct ExpressionToken {
    enum Kind: Equatable {
        case word, string, open, close, comma
        case comparison(Comparison)
    }
    let kind: Kind
    let word: Word
}

struct Directive {
    let name: Word
    let arguments: [Word]
    /// The arguments of `check`, which has its own tokens.
    let expression: [ExpressionToken]
    let block: Block?

    /// The whole head, name and arguments.
    var head: Place {
        let last = arguments.last?.place ?? expression.last?.word.place ?? name.place
        return name.place.through(last)
    }

    /// Behind the last word of the head: where a missing argument would have to stand.
    var end: Place { head.end }
}

struct Block {
    let directives: [Directive]
    let open: Place
}
