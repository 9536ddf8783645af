// Why a text is not JSON, and where. The reasons are few and closed, so that a caller can count or map
// them; the sentence for people is derived from the reason.

import Bytes

/// The first thing in a text that is not strict JSON (RFC 8259).
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        /// The text ended inside a value, or held nothing at all.
        case unexpectedEnd
        /// A byte that cannot stand where it stands.
        case unexpectedByte(UInt8)
        /// Something follows the one value.
        case trailingBytes
        /// A number that is not spelled as RFC 8259 §6 says: leading zero, bare point, empty exponent.
        case malformedNumber
        /// A byte below 0x20 inside a string (RFC 8259 §7 wants it escaped).
        case controlInString
        /// A backslash followed by something that is no escape.
        case malformedEscape
        /// `\ud800`…`\udfff` that is not half of a pair: no text, and nothing UTF-8 could store.
        case loneSurrogate
        case invalidUTF8
        /// The same member name twice in one object; which of the two counts would be a guess.
        case duplicateMember([UInt8])
        /// More arrays and objects inside each other than the caller allows.
        case tooDeep(limit: Int)
    }

    public let reason: Reason
    /// Bytes before the place of the error.
    public let offset: Int

    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// Line and column of the error, both from 1, the column in bytes. `text` is what was parsed.
    public func position(in text: Span<UInt8>) -> (line: Int, column: Int) {
        var line = 1
        var lineStart = 0
        for index in 0..<min(offset, text.count) where text[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        return (line, offset - lineStart + 1)
    }

    public var description: String {
        let what =
            switch reason {
            case .unexpectedEnd: "the text ends too early"
            case .unexpectedByte(let byte) where ASCII.isPrintable(byte):
                "unexpected '\(Character(Unicode.Scalar(byte)))'"
            case .unexpectedByte(let byte): "unexpected byte \(byte)"
            case .trailingBytes: "something follows the value"
            case .malformedNumber: "malformed number"
            case .controlInString: "control character in a string"
            case .malformedEscape: "malformed escape in a string"
            case .loneSurrogate: "surrogate without its partner in a string"
            case .invalidUTF8: "invalid UTF-8"
            case .duplicateMember(let name):
                "member \"\(String(decoding: name, as: UTF8.self))\" appears twice"
            case .tooDeep(let limit): "nested more than \(limit) deep"
            }
        return "\(what) at byte \(offset)"
    }
}
