// Instants as people type and read them. Inside, an instant is milliseconds since 1970 UTC; leap seconds do
// not exist, as in Unix time.

import Bytes
import Reactor

enum TimeText {
    /// Now, in milliseconds since 1970.
    static var now: Int64 { Clock.realtimeNanos() / 1_000_000 }

    /// An ISO-8601 time (UTC where it names no zone), Unix milliseconds, or a signed duration from `reference` (`30d`, `+30d`, `-1h`); nil
    /// for anything else. Digits alone are always milliseconds since 1970.
    static func parse(_ text: String, relativeTo reference: Int64) -> Int64? {
        if !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) {
            return Int64(text)
        }
        if let duration = duration(text) {
            let (sum, overflowed) = reference.addingReportingOverflow(duration)
            return overflowed ? nil : sum
        }
        return Timestamp.milliseconds(parsing: Array(text.utf8).span)
    }

    /// A number with a unit, such as `250ms`, `90s`, `-1h`, `30d`, in milliseconds; nil for anything else.
    static func duration(_ text: String) -> Int64? {
        let units: [(String, Int64)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000),
        ]
        let sign: Int64 = text.hasPrefix("-") ? -1 : 1
        let unsigned = text.drop { $0 == "+" || $0 == "-" }
        guard text.utf8.count - unsigned.utf8.count <= 1 else { return nil }
        let digits = unsigned.prefix { $0.isASCII && $0.isNumber }
        let unit = unsigned.dropFirst(digits.count)
        guard let count = Int64(digits), let millis = units.first(where: { $0.0 == unit })?.1 else {
            return nil
        }
        let (product, overflowed) = count.multipliedReportingOverflow(by: millis)
        return overflowed ? nil : sign * product
    }

    /// `2027-01-31T14:05:09Z`, with milliseconds only if there are some.
    static func text(_ millis: Int64) -> String {
        var buffer = ByteBuffer(capacity: 32)
        Timestamp.append(unixMillis: millis, fraction: .unlessZero, to: &buffer)
        return String(forDisplay: buffer.bytes)
    }
}
