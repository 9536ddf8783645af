// From JSON of the management API to cells for people.

import JSON

/// Whom an answer is for.
enum Output {
    /// People.
    case table
    /// Programs.
    case json

    /// Prints `data` for programs, or what `table` makes of it for people.
    func print(_ data: JSONValue, table: (JSONValue) -> String) {
        switch self {
        case .json: Console.print(data.description)
        case .table: Console.print(table(data))
        }
    }

    /// Prints rows under a heading, or as a JSON array.
    func print(_ rows: [JSONValue], heading: [String], row: (JSONValue) -> [String]) {
        print(.array(rows)) { _ in Table.text(heading, rows.map(row)) }
    }
}

extension JSONValue? {
    /// The value in a table: text as it is, a dash for nothing, lists with commas.
    var cell: String {
        switch self {
        case nil, .null: "-"
        case .bool(let value): value ? "yes" : "no"
        case .string(let bytes): String(decoding: bytes, as: UTF8.self).visible
        case .array(let elements):
            elements.isEmpty ? "-" : elements.map { Optional($0).cell }.joined(separator: ",")
        case .number, .object: self?.description ?? "-"
        }
    }

    /// An instant in milliseconds as people read it.
    var time: String {
        guard let millis = self?.integer else { return "-" }
        return TimeText.text(Int64(millis))
    }
}

extension JSONValue {
    func cell(_ name: String) -> String { self[name].cell }
    func time(_ name: String) -> String { self[name].time }
}

extension String {
    /// Control characters replaced: names come from customers, and a terminal obeys what it is sent.
    fileprivate var visible: String {
        guard unicodeScalars.contains(where: { $0.value < 0x20 || 0x7F...0x9F ~= $0.value }) else {
            return self
        }
        var shown = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            shown.append(scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value ? "\u{FFFD}" : scalar)
        }
        return String(shown)
    }
}
