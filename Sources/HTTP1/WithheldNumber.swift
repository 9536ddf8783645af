// A header by which the upstream tells Keygate a number, and nobody else: what a request really cost. It is taken
// out wherever it stands, interim heads, head and trailers, whatever its value, before anything downstream of the
// response machine can see it.

import Bytes

/// What an upstream said a number is.
public enum StatedNumber: Sendable, Hashable {
    case nothing
    /// At most `Int64.max`; a longer number counts as that.
    case number(Int64)
    /// Something else than one plain decimal number, or several that differ.
    case malformed
}

/// The field that is withheld from one response, and what it has said so far.
struct WithheldNumber {
    /// Empty: no field is withheld.
    private var name: [UInt8] = []
    private var inHead = StatedNumber.nothing
    private var inTrailers = StatedNumber.nothing

    /// The last word counts: a trailer was written when the work was done, a head before.
    var stated: StatedNumber { inTrailers == .nothing ? inHead : inTrailers }

    mutating func reset(_ name: [UInt8]) {
        self.name = name
        inHead = .nothing
        inTrailers = .nothing
    }

    /// What an interim head said, or the head of an attempt that was repeated, is not about this answer.
    mutating func forgetHead() { inHead = .nothing }

    /// Whether the field is the one; if so, it has been read.
    mutating func takes(_ field: HeaderField, of line: Span<UInt8>, isTrailer: Bool) -> Bool {
        if name.isEmpty || !ASCII.equalsIgnoringCase(line.extracting(field.name), name.span) { return false }
        let number = Self.number(line.extracting(field.value))
        if isTrailer {
            inTrailers = Self.joined(inTrailers, number)
        } else {
            inHead = Self.joined(inHead, number)
        }
        return true
    }

    /// Whether this `Trailer` field announces the one that is withheld; `rest` then is the field without it,
    /// empty if it announces nothing else. A client that waits for what was announced would wait for nothing.
    func announces(_ field: HeaderField, of line: Span<UInt8>, rest: inout [UInt8]) -> Bool {
        if name.isEmpty || field.kind != .trailer { return false }
        var others: [UInt8] = []
        var isAnnounced = false
        var start = field.value.lowerBound
        while start < field.value.upperBound {
            var end = start
            while end < field.value.upperBound, line[end] != UInt8(ascii: ",") { end += 1 }
            let member = line.extracting(start..<end)
            let text = member.extracting(ASCII.trimmed(member))
            start = end + 1
            if ASCII.equalsIgnoringCase(text, name.span) {
                isAnnounced = true
            } else if !text.isEmpty {
                others += others.isEmpty ? Array("Trailer: ".utf8) : Array(", ".utf8)
                others += Array(copying: text)
            }
        }
        if isAnnounced { rest = others }
        return isAnnounced
    }

    /// Saying the same thing twice leaves no doubt; two different numbers do.
    private static func joined(_ first: StatedNumber, _ second: StatedNumber) -> StatedNumber {
        first == .nothing || first == second ? second : .malformed
    }

    /// `1*DIGIT`
    private static func number(_ text: Span<UInt8>) -> StatedNumber {
        if text.isEmpty { return .malformed }
        var value: Int64 = 0
        var isTooLong = false
        for index in text.indices {
            guard ASCII.isDigit(text[index]) else { return .malformed }
            let (tens, overTens) = value.multipliedReportingOverflow(by: 10)
            let (sum, overSum) = tens.addingReportingOverflow(Int64(text[index] - UInt8(ascii: "0")))
            if overTens || overSum { isTooLong = true }
            value = isTooLong ? 0 : sum
        }
        return .number(isTooLong ? .max : value)
    }
}
