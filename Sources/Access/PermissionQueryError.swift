// Why a permission query was not understood. Clients of the management API and authors of rules see these
// words, so each one says where (zero-based, as the API documents it), what was expected and what was found.

import Bytes

public struct PermissionQueryError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// Nothing but white space.
        case empty
        case tooLong(count: Int)
        case illegalByte(UInt8)
        /// A permission or "(" had to come here, and this came instead; nil is the end of the query.
        case expectedOperand(found: String?)
        /// Two operands side by side.
        case expectedOperator(found: String)
        /// The "(" at `position` is never closed.
        case unclosedParenthesis
        /// The ")" at `position` closes nothing.
        case unopenedParenthesis
    }

    public let kind: Kind
    /// Zero-based offset in bytes of what is wrong; the length of the query if its end is.
    public let position: Int

    public var description: String { "\(message) at position \(position)" }

    /// The reason without the position, for those who show it with a caret.
    public var message: String {
        switch kind {
        case .empty:
            "the permission query is empty; expected a permission or \"(\""
        case .tooLong(let count):
            "the permission query is \(count) characters, limit is \(PermissionQuery.maxBytes)"
        case .illegalByte(let byte):
            "expected letters, digits or one of . _ - : * /, found \(Self.name(of: byte))"
        case .expectedOperand(let found?):
            "expected a permission or \"(\", found \"\(found)\""
        case .expectedOperand(nil):
            "expected a permission or \"(\", found the end of the query"
        case .expectedOperator(let found):
            "expected AND or OR, found \"\(found)\""
        case .unclosedParenthesis:
            "expected \")\" for this \"(\", found the end of the query"
        case .unopenedParenthesis:
            "expected AND, OR or the end of the query, found \")\" without its \"(\""
        }
    }

    private static func name(of byte: UInt8) -> String {
        if ASCII.isPrintable(byte) { return "\"\(Character(Unicode.Scalar(byte)))\"" }
        let digits = [Hex.lowerDigit(byte >> 4), Hex.lowerDigit(byte & 15)]
        return "byte 0x\(String(decoding: digits, as: UTF8.self))"
    }
}
