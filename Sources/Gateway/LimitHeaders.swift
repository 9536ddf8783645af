// What the client is told about its limits: the three `X-RateLimit-` headers that everybody reads, about the most
// restrictive limit, and `RateLimit` and `RateLimit-Policy`, about all of them, that limit first
// (draft-ietf-httpapi-ratelimit-headers, §3 and §4; both are lists of structured fields, RFC 9651).

import Bytes
import HTTP1
import Limits
import Verification

enum LimitHeaders {
    /// Names in lower case. The backend's own are replaced where we have something to say: two answers to one
    /// question are none.
    static let names: [StaticString] = [
        "ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
    ]

    /// A client that is told of more than these learns nothing that it could act on.
    private static let mostListed = 8
    /// The largest integer of a structured field (RFC 9651 §3.3.1).
    private static let largestInteger: Int64 = 999_999_999_999_999

    static func isOne(_ name: Span<UInt8>) -> Bool {
        for own in names where ASCII.equalsIgnoringCase(name, own) { return true }
        return false
    }

    /// Appends the lines; none if nothing was charged.
    static func append(_ charges: LimitCharges, nowMillis: Int64, to lines: inout ByteBuffer) {
        guard !charges.isEmpty else { return }
        var listed = InlineArray<8, Int>(repeating: 0)
        let count = order(charges, into: &listed)
        let first = charges[listed[0]]
        ResponseWriter.appendHeader("X-RateLimit-Limit", decimal: Int(first.limit), to: &lines)
        ResponseWriter.appendHeader("X-RateLimit-Remaining", decimal: Int(first.remaining), to: &lines)
        ResponseWriter.appendHeader("X-RateLimit-Reset", decimal: seconds(first.resetMillis), to: &lines)

        lines.append("RateLimit: ")
        for position in 0..<count {
            let charge = charges[listed[position]]
            if position > 0 { lines.append(", ") }
            appendName(listed[position], charges, to: &lines)
            append(";r=", charge.remaining, to: &lines)
            append(";t=", Int64(secondsUntilReset(charge, nowMillis: nowMillis)), to: &lines)
        }
        lines.append("\r\nRateLimit-Policy: ")
        for position in 0..<count {
            let charge = charges[listed[position]]
            if position > 0 { lines.append(", ") }
            appendName(listed[position], charges, to: &lines)
            append(";q=", charge.limit, to: &lines)
            append(";w=", Int64(seconds(charge.durationMillis)), to: &lines)
        }
        lines.append("\r\n")
    }

    /// After how many seconds a refused request may have a chance: when the last of the windows in its way ends.
    static func retryAfterSeconds(_ charges: LimitCharges, nowMillis: Int64) -> Int {
        var longest = 1
        for index in 0..<charges.count where !charges[index].fits {
            longest = max(longest, secondsUntilReset(charges[index], nowMillis: nowMillis))
        }
        return longest
    }

    /// The most restrictive limits first; returns how many. Insertion into a list this short needs no more.
    private static func order(_ charges: LimitCharges, into listed: inout InlineArray<8, Int>) -> Int {
        var count = 0
        for index in 0..<charges.count {
            var position = count
            while position > 0, isTighter(charges[index], than: charges[listed[position - 1]]) {
                position -= 1
            }
            if position == mostListed { continue }
            var last = min(count, mostListed - 1)
            while last > position {
                listed[last] = listed[last - 1]
                last -= 1
            }
            listed[position] = index
            count = min(count + 1, mostListed)
        }
        return count
    }

    private static func isTighter(_ left: Charge, than right: Charge) -> Bool {
        if left.fits != right.fits { return !left.fits }
        if left.remaining != right.remaining { return left.remaining < right.remaining }
        return left.resetMillis > right.resetMillis
    }

    /// Whole seconds until the window of a charge ends; 0 if it has.
    static func secondsUntilReset(_ charge: Charge, nowMillis: Int64) -> Int {
        seconds(max(0, charge.resetMillis - nowMillis))
    }

    /// Whole seconds, rounded up: whoever waits that long has waited long enough.
    private static func seconds(_ millis: Int64) -> Int {
        Int(millis / 1000) + (millis % 1000 == 0 ? 0 : 1)
    }

    private static func append(_ parameter: StaticString, _ value: Int64, to lines: inout ByteBuffer) {
        lines.append(parameter)
        lines.append(decimal: Int(min(value, largestInteger)))
    }

    /// A string of a structured field: printable ASCII with quotes and backslashes escaped (RFC 9651 §3.3.3).
    /// Limits have names in any script; what is not ASCII is percent-encoded, as in every header of ours.
    private static func appendName(_ index: Int, _ charges: LimitCharges, to lines: inout ByteBuffer) {
        lines.append("\"")
        charges.withName(index) { name in
            for position in name.indices {
                let byte = name[position]
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    lines.append("\\")
                    lines.append(byte)
                } else if ASCII.isPrintable(byte) {
                    lines.append(byte)
                } else {
                    lines.append("%")
                    lines.append(Hex.upperDigit(byte >> 4))
                    lines.append(Hex.upperDigit(byte & 15))
                }
            }
        }
        lines.append("\"")
    }
}
