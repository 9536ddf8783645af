// Numbers of JSON (RFC 8259 §6): `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`. Integers of 64 bits stay
// exact, because a key's time of expiry or an account number that changes in its last digit is another one.

import Bytes

enum JSONNumber {
    /// Inline, because an array would be one object that all event loops retain.
    private static let exactPowers: InlineArray<23, Double> = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// `.integer` or `.decimal`; nil if the text is not exactly one finite JSON number.
    static func value(of text: Span<UInt8>) -> CheckValue? {
        var offset = 0
        let isNegative = !text.isEmpty && text[0] == UInt8(ascii: "-")
        if isNegative { offset = 1 }

        var digits: UInt64 = 0
        var exponent = 0
        var isExact = true
        let wholeStart = offset
        while offset < text.count, ASCII.isDigit(text[offset]) {
            accumulate(text[offset], &digits, &isExact)
            offset += 1
        }
        let wholeCount = offset - wholeStart
        if wholeCount == 0 || (wholeCount > 1 && text[wholeStart] == UInt8(ascii: "0")) { return nil }
        if offset == text.count, isExact, let integer = Int64(exactly: digits) {
            return .integer(isNegative ? -integer : integer)
        }

        if offset < text.count, text[offset] == UInt8(ascii: ".") {
            offset += 1
            let fractionStart = offset
            while offset < text.count, ASCII.isDigit(text[offset]) {
                accumulate(text[offset], &digits, &isExact)
                exponent -= 1
                offset += 1
            }
            if offset == fractionStart { return nil }
        }
        if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            var isBelow = false
            if offset < text.count, text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "-") {
                isBelow = text[offset] == UInt8(ascii: "-")
                offset += 1
            }
            let rest = text.extracting(offset..<text.count)
            guard rest.count <= 6, let power = ASCII.decimal(rest) else { return nil }
            exponent += isBelow ? -power : power
            offset = text.count
        }
        guard offset == text.count else { return nil }
        return decimal(text, digits, exponent, isExact: isExact, isNegative: isNegative)
    }

    private static func accumulate(_ byte: UInt8, _ digits: inout UInt64, _ isExact: inout Bool) {
        let (scaled, overflowed) = digits.multipliedReportingOverflow(by: 10)
        let (sum, carried) = scaled.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
        if overflowed || carried { isExact = false } else { digits = sum }
    }

    /// Digits below 2^53 and powers of ten up to 22 are doubles themselves, so one operation rounds correctly
    /// (Clinger 1990). The rest is rare and may build a String.
    private static func decimal(
        _ text: Span<UInt8>, _ digits: UInt64, _ exponent: Int, isExact: Bool, isNegative: Bool
    ) -> CheckValue? {
        if isExact, digits < 1 << 53, exponent.magnitude <= 22 {
            let power = exactPowers[Int(exponent.magnitude)]
            let magnitude = exponent < 0 ? Double(digits) / power : Double(digits) * power
            return .decimal(isNegative ? -magnitude : magnitude)
        }
        guard let value = Double(String(forDisplay: text)), value.isFinite else { return nil }
        return .decimal(value)
    }
}
