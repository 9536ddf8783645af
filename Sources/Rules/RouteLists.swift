// Lists that exist both for all routes and for one: `api NAME…` and `tag NAME=VALUE…`.

import Bytes

enum APIList {
    static func add(_ word: Word, to apis: inout [String], _ uses: inout [APIUse], _ values: ValueReader) {
        guard !word.text.isEmpty else {
            values.findings.error("expected the name or id of an API, found \"\"", at: word.place)
            return
        }
        if apis.contains(word.string) {
            values.findings.error("\(word.shown) is listed already", at: word.place)
        } else {
            apis.append(word.string)
            uses.append(APIUse(reference: word.string, excerpt: values.findings.excerpt(of: word.place)))
        }
    }
}

enum TagList {
    static func add(
        _ word: Word, to tags: inout [(tag: Tag, place: Place)], captures: [[UInt8]], _ findings: Findings
    ) {
        guard let (name, value) = word.cut(at: UInt8(ascii: "=")), ASCII.isToken(name.text.span),
            !value.text.isEmpty
        else {
            findings.error("expected NAME=VALUE, found \(word.shown)", at: word.place)
            return
        }
        if let other = tags.first(where: { $0.tag.name == name.text }) {
            findings.repetition("there is a tag \(name.shown) already", at: word.place, first: other.place)
            return
        }
        guard let pieces = Template.pieces(tagValue: value, captures: captures, findings: findings) else {
            return
        }
        tags.append((Tag(name: name.text, value: pieces, text: word.string), word.place))
    }
}
