// What the gateway has to say to whoever runs it: one line each, on standard error.

import Reactor

public enum Diagnostics {
    /// Writes `keygate: …` as one line. Never with anything of a request in it.
    public static func say(_ text: String) {
        StandardError.write("keygate: \(text)\n")
    }
}

/// Trouble that may come with every request, said once a second at most.
struct RepeatedTrouble {
    private static let intervalNanos: Int64 = 1_000_000_000

    /// What it comes with.
    private let occasions: String
    private var lastNanos: Int64 = 0
    private var count = 0

    init(occasions: String = "requests") { self.occasions = occasions }

    mutating func say(_ text: String, nowNanos: Int64) {
        count += 1
        if lastNanos != 0, nowNanos - lastNanos < Self.intervalNanos { return }
        let more = count > 1 ? " (\(count) \(occasions) since the last such line)" : ""
        Diagnostics.say(text + more)
        lastNanos = nowNanos
        count = 0
    }
}
