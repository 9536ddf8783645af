// Days, months and years of the proleptic Gregorian calendar in UTC, which is all a roll-up and the time
// functions of a query need. Algorithms: Hinnant, "chrono-Compatible Low-Level Date Algorithms".

/// The stretches of time that events are summed over.
enum Granularity: UInt8, CaseIterable, Sendable {
    case minute = 1
    case hour, day, month

    /// The beginning of the stretch that an instant lies in; both in milliseconds since 1970.
    func start(of millis: Int64) -> Int64 {
        switch self {
        case .minute: CivilTime.floor(millis, to: CivilTime.minute)
        case .hour: CivilTime.floor(millis, to: CivilTime.hour)
        case .day: CivilTime.floor(millis, to: CivilTime.day)
        case .month: CivilTime.startOfMonth(millis)
        }
    }
}

enum CivilTime {
    static let second: Int64 = 1_000
    static let minute: Int64 = 60_000
    static let hour: Int64 = 3_600_000
    static let day: Int64 = 86_400_000
    /// The years 1 to 9999, which is what RFC 3339 can write.
    static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// The instant, or the nearest one that can be written.
    static func clamp(_ millis: Int64) -> Int64 {
        min(range.upperBound, max(range.lowerBound, millis))
    }

    /// The multiple of `step` at or before an instant.
    static func floor(_ millis: Int64, to step: Int64) -> Int64 {
        let rest = millis % step
        return millis - (rest < 0 ? rest + step : rest)
    }

    static func date(_ millis: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = floor(millis, to: day) / day
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    /// Midnight of a date. `month` may lie outside of 1…12 and counts on into other years.
    static func midnight(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let months = year * 12 + month - 1
        let civilYear = months >= 0 ? months / 12 : (months - 11) / 12
        let civilMonth = months - civilYear * 12 + 1
        let shifted = civilMonth <= 2 ? civilYear - 1 : civilYear
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (civilMonth + (civilMonth > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * Self.day
    }

    static func startOfMonth(_ millis: Int64) -> Int64 {
        let (year, month, _) = date(millis)
        return midnight(year, month, 1)
    }

    /// So many months later, on the last day of a month that is too short.
    static func adding(months: Int64, to millis: Int64) -> Int64 {
        let bounded = min(1_000_000, max(-1_000_000, months))
        let (year, month, dayOfMonth) = date(millis)
        let first = midnight(year, month + bounded, 1)
        let lastDay = (midnight(year, month + bounded + 1, 1) - first) / day
        return clamp(first + (min(dayOfMonth, lastDay) - 1) * day + (millis - floor(millis, to: day)))
    }
}
