// Time stamps of the log, against the rules of the calendar.

import Bytes
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
            (86_399_999, "1970-01-01T23:59:59.999Z"),
            (86_400_000, "1970-01-02T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"), (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"), (1_740_700_800_000, "2025-02-28T00:00:00.000Z"),
            (1_740_787_200_000, "2025-03-01T00:00:00.000Z"), (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func datesAreThoseOfTheCalendar(_ millis: Int64, _ expected: String) {
        var buffer = ByteBuffer()
        Timestamp.append(unixMillis: millis, to: &buffer)
        let text = String(forDisplay: buffer.bytes)
        #expect(text == expected)
    }

    @Test(
        arguments: [
            ("2025-06-15", 1_749_945_600_000), ("2025-06-15T15:06:40Z", 1_750_000_000_000),
            ("2025-06-15T15:06:40", 1_750_000_000_000),
            ("2025-06-15t15:06:40z", 1_750_000_000_000), ("2025-06-15 15:06:40.5Z", 1_750_000_000_500),
            ("2025-06-15T15:06:40.1239Z", 1_750_000_000_123),
            ("2025-06-15T17:06:40+02:00", 1_750_000_000_000),
            ("2025-06-15T13:06:40-0200", 1_750_000_000_000), ("2025-06-15T15:06Z", 1_749_999_960_000),
            ("2025-06-15T23:59:60Z", 1_750_032_000_000), ("1969-12-31", -86_400_000),
            ("2025-02-29", nil), ("2100-02-29", nil), ("2025-13-01", nil), ("2025-00-01", nil),
            ("2025-04-31", nil), ("2025-06-00", nil),
            ("2025-6-15", nil), ("", nil), ("2025-06-15T", nil), ("2025-06-15T24:00Z", nil),
            ("2025-06-15T15:60Z", nil),
            ("2025-06-15T15:06:61Z", nil), ("2025-06-15T15:06:40.Z", nil), ("2025-06-15T15:06:40ZZ", nil),
            ("2025-06-15T15:06:40+2", nil),
            ("2025-06-15T15:06:40+02:60", nil), ("+025-06-15", nil), ("2025-06-15x", nil),
            ("2025-06-15T15:06:40 Z", nil),
        ] as [(String, Int64?)])
    func timesAreReadStrictly(_ text: String, _ expected: Int64?) {
        let bytes = Array(text.utf8)
        let found = Timestamp.milliseconds(parsing: bytes.span)
        #expect(found == expected)
    }

    /// Day by day over 400 years, the length of a cycle of leap years, against the rule itself.
    @Test func everyDayFollowsTheOneBefore() {
        var (year, month, day) = (1970, 1, 1)
        for number in 0..<146_097 {
            var buffer = ByteBuffer()
            Timestamp.append(unixMillis: Int64(number) * 86_400_000, to: &buffer)
            let text = String(forDisplay: buffer[0..<10])
            func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
            guard text == "\(year)-\(padded(month))-\(padded(day))" else {
                Issue.record("day \(number) is \(text), not \(year)-\(month)-\(day)")
                return
            }
            guard Timestamp.milliseconds(parsing: buffer.bytes) == Int64(number) * 86_400_000 else {
                Issue.record("\(text) is not read as it was written")
                return
            }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
            day += 1
            if day > days { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }
}
