// One line of an export, member by member. Everything in it is expected and has its kind, or the line is
// refused: what an import does not understand it must not drop.

import Access
import Bytes
import JSON

/// Why an export cannot be imported. Nothing of it is kept.
public struct ImportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    public let reason: String

    public var description: String { "line \(line): \(reason)" }
}

/// What is wrong with a line, without its number, which the caller knows.
struct ImportProblem: Error {
    let reason: String
}

/// The members of one object, taken one after the other. `finish` sees to it that none is left.
struct ImportReader: ~Copyable {
    private var rest: [JSONObject.Member]
    /// For messages: `limits: ` inside of that member.
    private let place: String

    init(_ object: JSONObject, in place: String = "") {
        rest = object.members
        self.place = place
    }

    func problem(_ reason: String) -> ImportProblem { ImportProblem(reason: place + reason) }

    mutating func value(_ name: String) -> JSONValue? {
        guard let index = rest.firstIndex(where: { $0.name.elementsEqual(name.utf8) }) else { return nil }
        return rest.remove(at: index).value
    }

    mutating func finish() throws(ImportProblem) {
        if let unknown = rest.first {
            throw problem("there is no member \"\(String(decoding: unknown.name, as: UTF8.self))\" here")
        }
    }

    private mutating func read<Value>(
        _ name: String, _ expected: String, _ convert: (JSONValue) -> Value?
    ) throws(ImportProblem) -> Value? {
        guard let value = value(name) else { return nil }
        guard let converted = convert(value) else { throw problem("\"\(name)\" must be \(expected)") }
        return converted
    }

    private func required<Value>(_ name: String, _ value: Value?) throws(ImportProblem) -> Value {
        guard let value else { throw problem("\"\(name)\" is missing") }
        return value
    }

    // MARK: Kinds of values

    mutating func optionalText(_ name: String) throws(ImportProblem) -> String? {
        try read(name, "a string") { $0.text }
    }

    mutating func text(_ name: String) throws(ImportProblem) -> String {
        try required(name, try optionalText(name))
    }

    mutating func texts(_ name: String) throws(ImportProblem) -> [String] {
        try read(name, "a list of strings") { value in
            guard let elements = value.elements else { return nil }
            let texts = elements.compactMap(\.text)
            return texts.count == elements.count ? texts : nil
        } ?? []
    }

    mutating func optionalInteger(_ name: String) throws(ImportProblem) -> Int64? {
        try read(name, "a whole number") { $0.integer.map { Int64($0) } }
    }

    mutating func integer(_ name: String) throws(ImportProblem) -> Int64 {
        try required(name, try optionalInteger(name))
    }

    mutating func flag(_ name: String) throws(ImportProblem) -> Bool {
        try required(name, try read(name, "true or false") { $0.bool })
    }

    mutating func optionalObject(_ name: String) throws(ImportProblem) -> JSONObject? {
        try read(name, "an object") { $0.object }
    }

    mutating func meta(_ name: String) throws(ImportProblem) -> [UInt8]? {
        try read(name, "an object") { $0.kind == .object ? $0.compactBytes() : nil }
    }

    mutating func digest(_ name: String) throws(ImportProblem) -> KeyDigest {
        let digest = try read(name, "64 hexadecimal digits") { value in
            value.stringBytes.flatMap { Hex.bytes($0.span) }.flatMap { KeyDigest(bytes: $0.span) }
        }
        return try required(name, digest)
    }

    mutating func networks(_ name: String) throws(ImportProblem) -> [IPNetwork] {
        try read(name, "a list of addresses and networks") { value in
            guard let elements = value.elements else { return nil }
            let networks = elements.compactMap { element in
                element.stringBytes.flatMap { try? IPNetwork(parsing: $0.span) }
            }
            return networks.count == elements.count ? networks : nil
        } ?? []
    }

    mutating func limits(_ name: String) throws(ImportProblem) -> [RateLimitRule] {
        guard let value = value(name) else { return [] }
        guard let elements = value.elements else { throw problem("\"\(name)\" must be a list of objects") }
        var limits: [RateLimitRule] = []
        for element in elements {
            guard let object = element.object else { throw problem("\"\(name)\" must be a list of objects") }
            var member = ImportReader(object, in: "\(name): ")
            limits.append(
                RateLimitRule(
                    id: try member.text("id"), name: try member.text("name"),
                    limit: try member.integer("limit"), durationMillis: try member.integer("duration"),
                    appliesAutomatically: try member.flag("autoApply")))
            try member.finish()
        }
        return limits
    }

    mutating func credits(_ name: String) throws(ImportProblem) -> Credits? {
        guard let object = try optionalObject(name) else { return nil }
        var member = ImportReader(object, in: "\(name): ")
        var credits = Credits(remaining: try member.integer("remaining"))
        guard credits.remaining >= 0 else { throw member.problem("\"remaining\" must not be negative") }
        if let refill = try member.optionalObject("refill") {
            var inner = ImportReader(refill, in: "\(name).refill: ")
            credits.refill = Credits.Refill(
                interval: try Self.interval(&inner), amount: try inner.integer("amount"))
            try inner.finish()
        }
        try member.finish()
        return credits
    }

    private static func interval(_ refill: inout ImportReader) throws(ImportProblem) -> Credits.Interval {
        switch try refill.text("interval") {
        case "daily": return .daily
        case "monthly":
            let day = try refill.integer("day")
            guard (1...31).contains(day) else { throw refill.problem("\"day\" must be 1 to 31") }
            return .monthly(day: Int(day))
        default: throw refill.problem("\"interval\" must be \"daily\" or \"monthly\"")
        }
    }
}
