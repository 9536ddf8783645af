// What the tests of this module share: feeding a machine its bytes whole, cut in two at every place, and one
// at a time, and a generator whose random numbers are the same in every run.

import Bytes
import HTTP1

/// The ways to cut `count` bytes into pieces: each is the list of how many bytes have arrived by then.
func cuttings(of count: Int) -> [[Int]] {
    var ways = [[count], Array(1...max(1, count))]
    for cut in 0..<count { ways.append([cut, count]) }
    return ways
}

/// A deterministic random number generator (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    String(forDisplay: bytes.extracting(range))
}

/// The bytes of a string in which U+0080…U+00FF stand for single bytes.
func latin1(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8($0.value) }
}

/// Everything a parsed head says, as values that can be compared after the bytes are gone.
struct HeadSummary: Equatable {
    var method = ""
    var target = ""
    var version = 1
    var fields: [String] = []
    var framing = BodyFraming.none
    var host = ""
    var persists = true
    var waits = false
    var upgrade: String?
    var options: [String] = []

    init(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) {
        method = text(bytes, head.methodRange)
        target = text(bytes, head.target)
        version = head.minorVersion
        for field in head.headers.fields {
            fields.append("\(text(bytes, field.name))=\(text(bytes, field.value))")
        }
        framing = head.framing
        host = text(bytes, head.host)
        persists = head.isPersistent
        waits = head.expectsContinue
        if let range = head.upgrade { upgrade = text(bytes, range) }
        for range in head.connectionOptions.ranges { options.append(text(bytes, range)) }
    }
}

struct ParseOutcome: Equatable {
    var event: ParseEvent
    var head: HeadSummary?
}

/// Feeds a parser the pieces of `bytes` until it says something other than `needMore`.
func parse(_ bytes: [UInt8], arriving lengths: [Int], limits: RequestLimits = RequestLimits()) -> ParseOutcome
{
    var parser = RequestParser(limits: limits)
    var head = RequestHead()
    for length in lengths {
        let arrived = bytes.span.extracting(0..<length)
        let event = parser.advance(arrived, into: &head)
        switch event {
        case .needMore: continue
        case .head: return ParseOutcome(event: event, head: HeadSummary(head, arrived))
        case .malformed: return ParseOutcome(event: event, head: nil)
        }
    }
    return ParseOutcome(event: .needMore, head: nil)
}
