// What directives have in common: how many words they take, whether they may be repeated, `name=value` words,
// and the messages for all of that.

import Bytes

/// Remembers where directives were written that may be written once.
struct SeenDirectives {
    private var places: [String: Place] = [:]

    /// Reports a repetition. False for one.
    mutating func note(_ directive: Directive, _ findings: Findings) -> Bool {
        let name = directive.name.string
        return findings.note(
            directive.name.place, in: &places[name], "\"\(name)\" may be written once here")
    }
}

extension Findings {
    /// What stands there has been written before.
    func repetition(_ message: String, at place: Place, first: Place) {
        error(message, at: place, note: "first written here", at: first)
    }

    /// Notes where the only one of its kind stands. False, and reported, if there is one already.
    func note(_ place: Place, in first: inout Place?, _ message: @autoclosure () -> String) -> Bool {
        if let first {
            repetition(message(), at: place, first: first)
            return false
        }
        first = place
        return true
    }

    /// The arguments if their number is right and there is no block; `usage` is what was expected.
    func arguments(_ directive: Directive, _ count: ClosedRange<Int>, _ usage: String) -> [Word]? {
        if let block = directive.block {
            error("expected \(usage), found a block", at: block.open)
            return nil
        }
        if directive.arguments.count < count.lowerBound {
            error("expected \(usage), found the end of the directive", at: directive.end)
            return nil
        }
        if directive.arguments.count > count.upperBound {
            let extra = directive.arguments[count.upperBound]
            let expected = count.upperBound == 0 ? usage : "\(usage) and nothing more"
            error("expected \(expected), found \(extra.shown)", at: extra.place)
            return nil
        }
        return directive.arguments
    }

    /// `name=value` words with known names, each at most once. Nil after a report; `usage` is what was expected
    /// where a word is nothing of the kind, if there is more than these.
    func assignments(_ words: [Word], names: [String], usage: String? = nil) -> [String: Word]? {
        var values: [String: Word] = [:]
        var places: [String: Place] = [:]
        let forms = names.map { $0 + "=…" }.joined(separator: " ")
        for word in words {
            guard let (name, value) = word.cut(at: UInt8(ascii: "=")) else {
                error("expected \(usage ?? forms), found \(word.shown)", at: word.place)
                return nil
            }
            guard names.contains(name.string) else {
                let expected = names.count == 1 ? forms : "one of \(names.joined(separator: ", "))"
                error(
                    "expected \(expected), found \(name.shown)"
                        + NearestWord.hint(for: name.string, in: names), at: name.place)
                return nil
            }
            let once = "\(name.shown) may be written once here"
            guard note(name.place, in: &places[name.string], once) else { return nil }
            values[name.string] = value
        }
        return values
    }
}
