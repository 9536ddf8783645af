// The strict parser (RFC 8259), one pass, recursive descent. Strict means: whatever another parser might
// read differently is refused here — duplicate members, lone surrogates, numbers with a leading zero,
// bytes after the value — because what is stored as meta is later judged by rules and shown to backends.

import Bytes

extension JSONValue {
    /// Arrays and objects inside each other that are accepted unless the caller says otherwise.
    public static let defaultMaxDepth = 256

    /// Parses one JSON text. `maxDepth` bounds the nesting and with it the recursion.
    public init(parsing text: Span<UInt8>, maxDepth: Int = defaultMaxDepth) throws(JSONError) {
        var parser = JSONParser(maxDepth: maxDepth)
        self = try parser.parseText(text)
    }

    public init(parsing text: String, maxDepth: Int = defaultMaxDepth) throws(JSONError) {
        let bytes = Array(text.utf8)
        try self.init(parsing: bytes.span, maxDepth: maxDepth)
    }
}

/// The state of one parse: how far it got and how deep it is.
struct JSONParser {
    private let maxDepth: Int
    private var offset = 0
    private var depth = 0

    init(maxDepth: Int) { self.maxDepth = maxDepth }

    // JSON-text = ws value ws
    mutating func parseText(_ text: Span<UInt8>) throws(JSONError) -> JSONValue {
        skipWhitespace(text)
        let value = try parseValue(text)
        skipWhitespace(text)
        guard offset == text.count else { throw JSONError(.trailingBytes, at: offset) }
        return value
    }

    // value = false / null / true / object / array / number / string
    private mutating func parseValue(_ text: Span<UInt8>) throws(JSONError) -> JSONValue {
        switch try peek(text) {
        case UInt8(ascii: "{"):
            return .object(try nested(text) { (p, t) throws(JSONError) in try p.parseObject(t) })
        case UInt8(ascii: "["):
            return .array(try nested(text) { (p, t) throws(JSONError) in try p.parseArray(t) })
        case UInt8(ascii: "\""): return .string(try parseString(text))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try parseNumber(text))
        case UInt8(ascii: "t"):
            try expect("true", text)
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false", text)
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null", text)
            return .null
        case let byte:
            throw JSONError(.unexpectedByte(byte), at: offset)
        }
    }

    /// Runs `body` one level deeper; the opening bracket is consumed.
    private mutating func nested<Value>(
        _ text: Span<UInt8>, _ body: (inout JSONParser, Span<UInt8>) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        guard depth < maxDepth else { throw JSONError(.tooDeep(limit: maxDepth), at: offset) }
        depth += 1
        offset += 1
        let value = try body(&self, text)
        depth -= 1
        return value
    }

    // array = begin-array [ value *( value-separator value ) ] end-array
    private mutating func parseArray(_ text: Span<UInt8>) throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        skipWhitespace(text)
        if try peek(text) == UInt8(ascii: "]") {
            offset += 1
            return elements
        }
        repeat {
            skipWhitespace(text)
            elements.append(try parseValue(text))
            skipWhitespace(text)
        } while try separator(text, end: UInt8(ascii: "]"))
        return elements
    }

    // object = begin-object [ member *( value-separator member ) ] end-object
    // member = string name-separator value
    private mutating func parseObject(_ text: Span<UInt8>) throws(JSONError) -> JSONObject {
        var object = JSONObject()
        var names = MemberNames()
        skipWhitespace(text)
        if try peek(text) == UInt8(ascii: "}") {
            offset += 1
            return object
        }
        repeat {
            skipWhitespace(text)
            let nameOffset = offset
            let byte = try peek(text)
            guard byte == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte(byte), at: offset) }
            let name = try parseString(text)
            guard names.insert(name, among: object.members) else {
                throw JSONError(.duplicateMember(name), at: nameOffset)
            }
            skipWhitespace(text)
            try expect(":", text)
            skipWhitespace(text)
            object.append(JSONObject.Member(name: name, value: try parseValue(text)))
            skipWhitespace(text)
        } while try separator(text, end: UInt8(ascii: "}"))
        return object
    }

    /// Consumes a comma (true) or `end` (false).
    private mutating func separator(_ text: Span<UInt8>, end: UInt8) throws(JSONError) -> Bool {
        let byte = try peek(text)
        guard byte == end || byte == UInt8(ascii: ",") else {
            throw JSONError(.unexpectedByte(byte), at: offset)
        }
        offset += 1
        return byte != end
    }

    // string = quotation-mark *char quotation-mark
    private mutating func parseString(_ text: Span<UInt8>) throws(JSONError) -> [UInt8] {
        var result: [UInt8] = []
        offset += 1
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return result
            case UInt8(ascii: "\\"):
                switch JSONEscape.decode(text, at: offset) {
                case .scalar(let scalar, let length):
                    UTF8Sequence.encode(scalar) { result.append($0) }
                    offset += length
                case .malformed: throw JSONError(.malformedEscape, at: offset)
                case .loneSurrogate: throw JSONError(.loneSurrogate, at: offset)
                case .cut: throw JSONError(.unexpectedEnd, at: text.count)
                }
            case ..<0x20:
                throw JSONError(.controlInString, at: offset)
            default:
                guard let sequence = UTF8Sequence.decode(text, at: offset) else {
                    throw JSONError(.invalidUTF8, at: offset)
                }
                for _ in 0..<sequence.length {
                    result.append(text[offset])
                    offset += 1
                }
            }
        }
        throw JSONError(.unexpectedEnd, at: offset)
    }

    // number = [ minus ] int [ frac ] [ exp ]
    // int    = zero / ( digit1-9 *DIGIT )
    private mutating func parseNumber(_ text: Span<UInt8>) throws(JSONError) -> JSONNumber {
        let start = offset
        if text[offset] == UInt8(ascii: "-") { offset += 1 }
        let integer = digits(text)
        if integer == 0 || integer > 1 && text[offset - integer] == UInt8(ascii: "0") {
            throw JSONError(.malformedNumber, at: start)
        }
        if offset < text.count, text[offset] == UInt8(ascii: ".") {
            offset += 1
            if digits(text) == 0 { throw JSONError(.malformedNumber, at: start) }
        }
        if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < text.count, text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "-") {
                offset += 1
            }
            if digits(text) == 0 { throw JSONError(.malformedNumber, at: start) }
        }
        return JSONNumber(verbatim: Array(copying: text.extracting(start..<offset)))
    }

    /// Consumes digits and says how many.
    private mutating func digits(_ text: Span<UInt8>) -> Int {
        let start = offset
        while offset < text.count, ASCII.isDigit(text[offset]) { offset += 1 }
        return offset - start
    }

    private mutating func expect(_ literal: String, _ text: Span<UInt8>) throws(JSONError) {
        for expected in literal.utf8 {
            let byte = try peek(text)
            guard byte == expected else { throw JSONError(.unexpectedByte(byte), at: offset) }
            offset += 1
        }
    }

    private func peek(_ text: Span<UInt8>) throws(JSONError) -> UInt8 {
        guard offset < text.count else { throw JSONError(.unexpectedEnd, at: offset) }
        return text[offset]
    }

    // ws = *( space / tab / LF / CR )
    private mutating func skipWhitespace(_ text: Span<UInt8>) {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }
}

/// The names one object has used so far. Objects are nearly always small, and a scan of a few names is
/// cheaper than hashing them; past that a set keeps a hostile object of 100,000 members linear.
private struct MemberNames {
    private static let scanLimit = 16
    private var hashed: Set<[UInt8]> = []

    /// Whether `name` is new; `members` are the ones already in the object.
    mutating func insert(_ name: [UInt8], among members: [JSONObject.Member]) -> Bool {
        if members.count < Self.scanLimit { return !members.contains { $0.name == name } }
        if hashed.isEmpty { hashed = Set(members.map(\.name)) }
        return hashed.insert(name).inserted
    }
}
