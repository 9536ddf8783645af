// Numbers and times as expressions read them, through the expressions that do.

import Bytes
import Rules
import Testing

@Suite("Values in checks")
struct ValueTests {
    private static func number(_ text: String) -> CheckValue {
        let bytes = Array(text.utf8)
        return CheckValue.number(bytes.span)
    }

    @Test(
        "numbers are those of JSON",
        arguments: [
            ("0", CheckValue.integer(0)), ("-0", .integer(0)), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775807", .integer(-.max)),
            ("9223372036854775808", .decimal(9_223_372_036_854_775_808)),
            ("0.1", .decimal(0.1)), ("-1.5e3", .decimal(-1500)), ("1E-2", .decimal(0.01)),
            ("123456789.123456789", .decimal(123456789.123456789)),
            ("1e22", .decimal(1e22)), ("1.7976931348623157e308", .decimal(1.7976931348623157e308)),
            ("5e-324", .decimal(.leastNonzeroMagnitude)),
            ("100000000000000000000.5", .decimal(100000000000000000000.5)),
        ])
    func numbers(_ text: String, _ value: CheckValue) { #expect(Self.number(text) == value) }

    @Test(
        "what is no JSON number is none",
        arguments: [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1e1.5", "0x10", "1 ", " 1", "1_000", "NaN",
            "Infinity", "1e999", "--1", "1e1234567",
        ])
    func noNumbers(_ text: String) { #expect(Self.number(text) == .missing) }

    /// Whether `now` is exactly the time that a text of metadata spells.
    private static func isTime(_ text: String, _ milliseconds: Int64) throws -> Bool {
        let program = try CheckTests.program("key.meta.time == now")
        var request = Request(["key.meta.time": .text(text), "now": .integer(milliseconds)])
        var scratch = ByteBuffer()
        return program.evaluate(&request, scratch: &scratch)
    }

    @Test(
        "times are those of ISO 8601",
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00Z", 0), ("1970-01-01T00:00:00", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29", 951_782_400_000), ("2024-02-29T12:34:56Z", 1_709_210_096_000),
            ("2026-08-21T10:00:00.5Z", 1_787_306_400_500),
            ("2026-08-21t12:00:00.500999+02:00", 1_787_306_400_500),
            ("2026-08-21 04:30:00-0530", 1_787_306_400_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("0001-01-01", -62_135_596_800_000),
        ] as [(String, Int64)])
    func times(_ text: String, _ milliseconds: Int64) throws { #expect(try Self.isTime(text, milliseconds)) }

    @Test(
        "what is no time is none",
        arguments: [
            "", "2026", "2026-13-01", "2026-00-01", "2026-02-29", "2026-04-31", "2026-01-00", "2026-1-1",
            "26-01-01", "2026-01-01T",
            "2026-01-01T24:00Z", "2026-01-01T10:60Z", "2026-01-01T10:00:61Z", "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00ZZ",
            "2026-01-01T10:00:00+2:00", "2026-01-01T10:00:00+24:00", "2026-01-01T10:00:00+02:0",
            "2026-01-01 ", "2026-01-01x10:00",
        ])
    func noTimes(_ text: String) throws {
        let program = try CheckTests.program("key.meta.time == now OR key.meta.time != now")
        var request = Request(["key.meta.time": .text(text), "now": .integer(0)])
        var scratch = ByteBuffer()
        #expect(!program.evaluate(&request, scratch: &scratch))
    }
}
