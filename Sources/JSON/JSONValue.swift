// A JSON text as a tree that loses nothing that matters: members keep their order, numbers keep their
// digits (a 20-digit integer and 1.10 come back as they were sent), strings are UTF-8 bytes, because
// Swift's `String` equates what differs byte by byte.

/// A JSON value. Equality is exact: the same member order, the same spelling of numbers.
public indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    /// Unescaped text in UTF-8.
    case string([UInt8])
    case array([JSONValue])
    case object(JSONObject)

    public static func string(_ text: String) -> JSONValue { .string(Array(text.utf8)) }
    public static func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }

    /// The UTF-8 of a string; nil for any other kind.
    public var stringBytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    /// A string as text for people; nil for any other kind.
    public var text: String? { stringBytes.map { String(decoding: $0, as: UTF8.self) } }

    /// A number that is spelled as an integer and fits 64 bits; nil for anything else.
    public var integer: Int? {
        if case .number(let number) = self { number.integer } else { nil }
    }

    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    public var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    public var object: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }

    /// The member of an object; nil if there is none or this is no object.
    public subscript(name: String) -> JSONValue? { object?[name] }

    /// What kind of value this is.
    public var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool(true): .true
        case .bool(false): .false
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }
}

/// The kinds of value RFC 8259 §3 knows; the two literals of a boolean are told apart, because whoever
/// looks at bytes sees them apart.
public enum JSONKind: Equatable, Sendable {
    case null, `true`, `false`, number, string, array, object
}

/// A number by its spelling, which is a `number` of RFC 8259 §6.
public struct JSONNumber: Equatable, Sendable {
    public let digits: [UInt8]

    init(verbatim digits: [UInt8]) { self.digits = digits }

    public init(_ value: Int) { digits = Array(String(value).utf8) }

    /// The value, if it is spelled without fraction and exponent and fits 64 bits.
    public var integer: Int? {
        // `Int(_: String)` accepts no more than the grammar does here: the digits were parsed.
        Int(String(decoding: digits, as: UTF8.self))
    }
}

/// The members of an object in the order of the text. Names are unique in whatever the parser made.
public struct JSONObject: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        /// Unescaped name in UTF-8.
        public let name: [UInt8]
        public var value: JSONValue

        public init(name: [UInt8], value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    public private(set) var members: [Member]

    public init(_ members: [Member] = []) { self.members = members }

    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }

    /// The value of a member, compared byte by byte; nil if there is none. Linear in the members.
    public subscript(name: [UInt8]) -> JSONValue? {
        members.first { $0.name == name }?.value
    }

    public subscript(name: String) -> JSONValue? {
        members.first { $0.name.elementsEqual(name.utf8) }?.value
    }

    /// Appends a member. The caller sees to it that the name is new.
    public mutating func append(_ name: String, _ value: JSONValue) {
        members.append(Member(name: Array(name.utf8), value: value))
    }

    /// Appends a member unless there is no value.
    public mutating func append(_ name: String, ifPresent value: JSONValue?) {
        if let value { append(name, value) }
    }

    mutating func append(_ member: Member) { members.append(member) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements.map { Member(name: Array($0.0.utf8), value: $0.1) })
    }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { JSONObject.Member(name: Array($0.0.utf8), value: $0.1) }))
    }

    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
