// What the gateway has to say to whoever runs it: one line each, on standard error.

import Reactor

public enum Diagnostics {
    /// Writes `keygate: …` as one line. Never with anything of a request in it.
    public static func say(_ text: String) {
        StandardError.write("keygate: \(text)\n")
    }
}
