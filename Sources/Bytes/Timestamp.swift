// Times as people write and read them: `2026-08-21`, `2026-08-21T10:00:00Z`, `…T12:00:00.250+02:00`
// (ISO 8601 as profiled by RFC 3339 §5.6). A date alone is its midnight; a time without a zone is UTC.

public enum Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z, fractions beyond them cut off; nil if the text is no time.
    public static func milliseconds(parsing text: Span<UInt8>) -> Int64? {
        guard text.count >= 10, let year = number(text, 0, 4), text[4] == UInt8(ascii: "-"),
            let month = number(text, 5, 2), text[7] == UInt8(ascii: "-"), let day = number(text, 8, 2),
            (1...12).contains(month), day >= 1, day <= dayCount(year, month)
        else { return nil }
        let date = daysSince1970(year, month, day) * 86_400_000
        if text.count == 10 { return date }

        guard text.count >= 16, text[10] | 0x20 == UInt8(ascii: "t") || text[10] == 0x20,
            let hour = number(text, 11, 2), hour < 24, text[13] == UInt8(ascii: ":"),
            let minute = number(text, 14, 2), minute < 60
        else { return nil }
        var offset = 16
        var milliseconds = (hour * 60 + minute) * 60_000
        if offset < text.count, text[offset] == UInt8(ascii: ":") {
            // 60 is a leap second; it counts as the first of the next minute, as Unix time has it.
            guard let second = number(text, offset + 1, 2), second <= 60 else { return nil }
            milliseconds += second * 1000
            offset += 3
            if offset < text.count, text[offset] == UInt8(ascii: ".") {
                offset += 1
                let start = offset
                var weight: Int64 = 100
                while offset < text.count, ASCII.isDigit(text[offset]) {
                    milliseconds += Int64(text[offset] - UInt8(ascii: "0")) * weight
                    weight /= 10
                    offset += 1
                }
                if offset == start { return nil }
            }
        }
        guard let zone = zoneMilliseconds(text, offset) else { return nil }
        return date + milliseconds - zone
    }

    /// Nothing, `Z`, `±hh:mm` or `±hhmm`.
    private static func zoneMilliseconds(_ text: Span<UInt8>, _ start: Int) -> Int64? {
        if start == text.count { return 0 }
        if text[start] | 0x20 == UInt8(ascii: "z") { return start + 1 == text.count ? 0 : nil }
        let isEast = text[start] == UInt8(ascii: "+")
        guard isEast || text[start] == UInt8(ascii: "-"), let hour = number(text, start + 1, 2), hour < 24
        else {
            return nil
        }
        var offset = start + 3
        if offset < text.count, text[offset] == UInt8(ascii: ":") { offset += 1 }
        guard let minute = number(text, offset, 2), minute < 60, offset + 2 == text.count else { return nil }
        let distance = (hour * 60 + minute) * 60_000
        return isEast ? distance : -distance
    }

    private static func number(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> Int64? {
        guard start + count <= text.count else { return nil }
        return ASCII.decimal(text.extracting(start..<(start + count))).map(Int64.init)
    }

    /// Days of a month, 28…31.
    public static func dayCount(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin in March, so that the
    /// leap day is the last of its year.
    public static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    // MARK: Writing

    /// Whether milliseconds are written when they are zero.
    public enum Fraction: Sendable { case always, unlessZero }

    /// Appends `2027-01-31T14:05:09.250Z` (RFC 3339, UTC). `unixMillis` may lie before 1970.
    public static func append(unixMillis: Int64, fraction: Fraction = .always, to buffer: inout ByteBuffer) {
        var days = unixMillis / 86_400_000
        var rest = Int(unixMillis % 86_400_000)
        if rest < 0 {
            days -= 1
            rest += 86_400_000
        }
        let (year, month, day) = date(daysSince1970: Int(days))
        append(year, digits: 4, to: &buffer)
        buffer.append("-")
        append(month, digits: 2, to: &buffer)
        buffer.append("-")
        append(day, digits: 2, to: &buffer)
        buffer.append("T")
        append(rest / 3_600_000, digits: 2, to: &buffer)
        buffer.append(":")
        append(rest / 60_000 % 60, digits: 2, to: &buffer)
        buffer.append(":")
        append(rest / 1000 % 60, digits: 2, to: &buffer)
        if fraction == .always || rest % 1000 != 0 {
            buffer.append(".")
            append(rest % 1000, digits: 3, to: &buffer)
        }
        buffer.append("Z")
    }

    private static func append(_ value: Int, digits: Int, to buffer: inout ByteBuffer) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            buffer.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// The way back from `daysSince1970` (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    public static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
