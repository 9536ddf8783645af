// What is asked for on the command line.

/// A lie told to the checker, which must not believe it: the proof that a violation would be seen.
enum Tampering: String, CaseIterable {
    /// One more request was allowed than the gateway knows of.
    case request
    /// A key was switched off that was not.
    case revocation
    /// A limit is one lower than the one that was set.
    case limit
    /// A key was acknowledged that was never made.
    case mutation
    /// The store is exchanged for an older copy of itself between two lives.
    case store
}

struct Options {
    /// The run ends after so many lives of the gateway, or after so many seconds, whichever comes first.
    var cycles = 400
    var seconds: Int?
    var seed: UInt64 = 0
    /// Nil: each life takes one or the other.
    var durability: Durability?
    /// Instead of random lives: one life for each of these disk operations, going wrong in each way.
    var sweep: ClosedRange<Int>?
    var tampering: Tampering?

    static let usage = """
        usage: GatewayTorture [--cycles N] [--seconds N] [--seed N] [--durability lease|exact]
                              [--sweep [FROM..[TO]]] [--tamper \
        \(Tampering.allCases.map(\.rawValue).joined(separator: "|"))]
        """

    /// Nil if the arguments say anything else than `usage` does.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        seed = UInt64(truncatingIfNeeded: realtimeMilliseconds())
        while let option = rest.popFirst() {
            if option == "--sweep" {
                sweep = 1...Int.max
                guard let text = rest.first, let range = Self.range(text) else { continue }
                sweep = range
                rest.removeFirst()
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch option {
            case "--cycles":
                guard let count = Int(value), count > 0 else { return nil }
                cycles = count
            case "--seconds":
                guard let count = Int(value), count > 0 else { return nil }
                seconds = count
            case "--seed":
                guard let number = UInt64(value) else { return nil }
                seed = number
            case "--durability":
                guard let chosen = Durability(rawValue: value) else { return nil }
                durability = chosen
            case "--tamper":
                guard let chosen = Tampering(rawValue: value) else { return nil }
                tampering = chosen
            default: return nil
            }
        }
    }

    /// `FROM..TO`, or `FROM..` for everything from there on. Nil if it is neither.
    private static func range(_ text: String) -> ClosedRange<Int>? {
        guard let dots = text.firstRange(of: ".."), let from = Int(text[..<dots.lowerBound]), from > 0 else {
            return nil
        }
        let end = text[dots.upperBound...]
        guard let last = end.isEmpty ? Int.max : Int(end), last >= from else { return nil }
        return from...last
    }
}

/// What `credit-durability` says.
enum Durability: String { case lease, exact }
