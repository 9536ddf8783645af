// What the body of a procedure may look like, as data. One row of the procedure table names its schema, and
// `Schema.check` reports every violation at once, in the words and with the keyword paths of JSON Schema
// (`/properties/name/minLength`, "minLength: got 2, want 3"), which is what clients of this API expect.

import Bytes
import JSON

/// One thing wrong with a body.
public struct SchemaViolation: Equatable, Sendable {
    /// The path of keywords in the schema, not the path in the body.
    public let location: String
    public let message: String
    /// What to do about it, where that is not obvious from the message.
    public let fix: String?

    public init(location: String, message: String, fix: String? = nil) {
        self.location = location
        self.message = message
        self.fix = fix
    }

    var json: JSONValue {
        var object = JSONObject()
        object.append("location", .string(location))
        object.append("message", .string(message))
        object.append("fix", ifPresent: fix.map { .string($0) })
        return .object(object)
    }
}

/// The shape of a JSON value. Bounds are inclusive; lengths count Unicode scalars.
indirect enum Schema: Sendable {
    case boolean
    case integer(ClosedRange<Int>)
    case string(length: ClosedRange<Int>, of: Alphabet)
    case choice([String])
    case array(of: Schema, count: ClosedRange<Int>)
    case object([Field], Unknown)
    /// Any JSON object with at most so many members.
    case freeObject(maxMembers: Int)
    case nullable(Schema)
    /// An object that has at least one of these members.
    case anyMember([String], Schema)

    /// A member of an object.
    struct Field: Sendable {
        let name: String
        let schema: Schema
        let isRequired: Bool

        static func required(_ name: String, _ schema: Schema) -> Field {
            Field(name: name, schema: schema, isRequired: true)
        }

        static func optional(_ name: String, _ schema: Schema) -> Field {
            Field(name: name, schema: schema, isRequired: false)
        }
    }

    /// What happens to members the schema does not name.
    enum Unknown: Sendable { case refused, ignored }

    /// Which characters a string may consist of; each is a pattern `^[…]+$` of the published schema.
    enum Alphabet: String, Sendable {
        case any = ""
        case word = "^[a-zA-Z0-9_]+$"
        case externalId = "^[a-zA-Z0-9_.-]+$"
        case slug = #"^[a-zA-Z0-9_:\-\.\*]+$"#

        func admits(_ text: [UInt8]) -> Bool {
            let punctuation: [UInt8]
            switch self {
            case .any: return true
            case .word: punctuation = Array("_".utf8)
            case .externalId: punctuation = Array("_.-".utf8)
            case .slug: punctuation = Array("_:-.*".utf8)
            }
            return !text.isEmpty
                && text.allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) || punctuation.contains($0) }
        }
    }
}

extension Schema {
    static let unbounded = 0...Int.max

    /// Whether there is nothing to say in a body of this shape, so that it can be left out.
    var hasNoMembers: Bool {
        if case .object(let fields, _) = self { fields.isEmpty } else { false }
    }

    /// The same object with further members.
    func adding(_ more: [Field]) -> Schema {
        if more.isEmpty { return self }
        guard case .object(let fields, let unknown) = self else {
            preconditionFailure("only an object has members")
        }
        return .object(fields + more, unknown)
    }

    /// Every way in which `value` breaks the schema; empty if it conforms.
    func violations(in value: JSONValue) -> [SchemaViolation] {
        var found: [SchemaViolation] = []
        check(value, at: "", into: &found)
        return found
    }

    private func check(_ value: JSONValue, at path: String, into found: inout [SchemaViolation]) {
        func report(_ keyword: String, _ message: String) {
            found.append(SchemaViolation(location: "\(path)/\(keyword)", message: message))
        }
        func bound(_ count: Int, _ range: ClosedRange<Int>, _ low: String, _ high: String) {
            if count < range.lowerBound { report(low, "\(low): got \(count), want \(range.lowerBound)") }
            if count > range.upperBound { report(high, "\(high): got \(count), want \(range.upperBound)") }
        }

        switch (self, value) {
        case (.anyMember(let names, let schema), _):
            if let object = value.object, !names.contains(where: { object[$0] != nil }) {
                report("anyOf", "missing property " + names.map { "'\($0)'" }.joined(separator: " or "))
            }
            schema.check(value, at: path, into: &found)
        case (.nullable(let schema), _):
            if value == .null { return }
            if schema.accepts(kindOf: value) {
                schema.check(value, at: path, into: &found)
            } else {
                report("type", "got \(value.typeName), want null or \(schema.typeName)")
            }
        case (.boolean, .bool):
            break
        case (.integer(let range), .number(let number)):
            if let integer = number.integer {
                bound(integer, range, "minimum", "maximum")
            } else if let isNegative = number.isNegativeInteger {
                // Spelled as an integer, and beyond what any bound allows.
                let got = String(decoding: number.digits.prefix(40), as: UTF8.self)
                if isNegative {
                    report("minimum", "minimum: got \(got), want \(range.lowerBound)")
                } else {
                    report("maximum", "maximum: got \(got), want \(range.upperBound)")
                }
            } else {
                report("type", "got number, want integer")
            }
        case (.string(let length, let alphabet), .string(let text)):
            bound(
                String(decoding: text, as: UTF8.self).unicodeScalars.count, length, "minLength", "maxLength")
            if !alphabet.admits(text) {
                let shown = String(decoding: text, as: UTF8.self)
                report("pattern", "'\(shown)' does not match pattern '\(alphabet.rawValue)'")
            }
        case (.choice(let choices), .string(let text)):
            if !choices.contains(where: { $0.utf8.elementsEqual(text) }) {
                report("enum", "value must be one of " + choices.map { "'\($0)'" }.joined(separator: ", "))
            }
        case (.array(let element, let count), .array(let elements)):
            bound(elements.count, count, "minItems", "maxItems")
            for item in elements { element.check(item, at: path + "/items", into: &found) }
        case (.freeObject(let maxMembers), .object(let object)):
            bound(object.count, 0...maxMembers, "minProperties", "maxProperties")
        case (.object(let fields, let unknown), .object(let object)):
            let missing = fields.filter { $0.isRequired && object[$0.name] == nil }.map { "'\($0.name)'" }
            if !missing.isEmpty {
                report(
                    "required",
                    "missing propert\(missing.count == 1 ? "y" : "ies") \(missing.joined(separator: ", "))")
            }
            var strangers: [String] = []
            for member in object.members {
                if let field = fields.first(where: { $0.name.utf8.elementsEqual(member.name) }) {
                    field.schema.check(member.value, at: "\(path)/properties/\(field.name)", into: &found)
                } else {
                    strangers.append("'\(String(decoding: member.name, as: UTF8.self))'")
                }
            }
            if unknown == .refused, !strangers.isEmpty {
                report(
                    "additionalProperties",
                    "additional properties \(strangers.joined(separator: ", ")) not allowed")
            }
        case (.boolean, _), (.integer, _), (.string, _), (.choice, _), (.array, _), (.freeObject, _),
            (.object, _):
            report("type", "got \(value.typeName), want \(typeName)")
        }
    }

    private func accepts(kindOf value: JSONValue) -> Bool {
        value.typeName == typeName || typeName == "integer" && value.typeName == "number"
    }

    private var typeName: String {
        switch self {
        case .boolean: "boolean"
        case .integer: "integer"
        case .string, .choice: "string"
        case .array: "array"
        case .object, .freeObject: "object"
        case .nullable(let schema), .anyMember(_, let schema): schema.typeName
        }
    }
}

extension JSONNumber {
    /// Whether an integer is below zero; nil if there is a fraction or an exponent.
    fileprivate var isNegativeInteger: Bool? {
        let isNegative = digits.first == UInt8(ascii: "-")
        return digits.dropFirst(isNegative ? 1 : 0).allSatisfy { ASCII.isDigit($0) } ? isNegative : nil
    }
}

extension JSONValue {
    /// The type's name in JSON Schema.
    fileprivate var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
