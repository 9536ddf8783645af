import Testing

@testable import keygate

@Suite("Times as people type and read them")
struct TimeTextTests {
    @Test(
        "every spelling comes to the same milliseconds",
        arguments: [
            ("0", 0), ("1700000000000", 1_700_000_000_000),
            ("1970-01-01", 0), ("2024-02-29", 1_709_164_800_000), ("2000-03-01T00:00Z", 951_868_800_000),
            ("2027-01-31T14:05:09Z", 1_801_404_309_000), ("2027-01-31T14:05:09.25Z", 1_801_404_309_250),
            ("2027-01-31T15:05:09+01:00", 1_801_404_309_000), ("2027-01-31T13:35:09-0030", 1_801_404_309_000),
            ("30d", 1_000_000 + 2_592_000_000), ("+90s", 1_090_000), ("-1h", 1_000_000 - 3_600_000),
            ("250ms", 1_000_250),
            ("2w", 1_000_000 + 1_209_600_000),
        ] as [(String, Int64)])
    func parses(_ text: String, _ millis: Int64) {
        #expect(TimeText.parse(text, relativeTo: 1_000_000) == millis)
    }

    @Test(
        "what says nothing certain is refused",
        arguments: [
            "", "tomorrow", "2023-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "24:00",
            "2024-01-01T24:00Z",
            "2024-01-01T10:60Z", "2024-01-01Tx", "2024-01-01T10:00:00.Z", "2024-01-01T10:00:00+1", "1 d",
            "d", "--1d", "+-1d", "1.5h", "10y", "9223372036854775808", "9223372036854775807d",
            "2024-01-01T10:00Zjunk",
        ])
    func refuses(_ text: String) {
        #expect(TimeText.parse(text, relativeTo: 0) == nil)
    }

    @Test(
        "an instant is written in UTC, with milliseconds only if there are some",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_709_164_800_000, "2024-02-29T00:00:00Z"),
            (1_801_404_309_250, "2027-01-31T14:05:09.250Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00Z"),
        ] as [(Int64, String)])
    func writes(_ millis: Int64, _ text: String) {
        #expect(TimeText.text(millis) == text)
        #expect(TimeText.parse(text, relativeTo: 0) == millis)
    }
}
