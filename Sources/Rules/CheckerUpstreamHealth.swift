// What is written in an upstream about servers that fail, and about those that are full: `eject`, `health`, `queue`.

extension UpstreamBody {
    /// eject off | eject [after=N] [for=DURATION] [max=DURATION]
    mutating func readEjection(_ directive: Directive) {
        let usage = "eject after=… for=… max=…, or eject off"
        guard let words = findings.arguments(directive, 1...3, usage) else { return }
        if words.count == 1, words[0].isBare("off") {
            ejection = nil
            return
        }
        guard let given = findings.assignments(words, names: ["after", "for", "max"], usage: usage) else {
            return
        }
        var read = UpstreamEjection()
        if let word = given["after"] {
            guard let count = values.number(word, in: 1...1000, what: "a number of failures") else { return }
            read.failureCount = count
        }
        if let word = given["for"], let nanos = values.duration(word) { read.firstNanos = nanos }
        if let word = given["max"] {
            guard let nanos = values.duration(word) else { return }
            if nanos < read.firstNanos {
                findings.error(
                    "expected a duration that is not below that of the first ejection, found \(word.shown)",
                    at: word.place)
                return
            }
            read.longestNanos = nanos
        }
        read.longestNanos = max(read.longestNanos, read.firstNanos)
        ejection = read
    }

    /// health PATH [every DURATION] [timeout=DURATION] [rise=N] [fall=N]
    mutating func readCheck(_ directive: Directive) {
        let usage = "health PATH [every DURATION] [timeout=…] [rise=…] [fall=…]"
        guard let words = findings.arguments(directive, 1...6, usage) else { return }
        let path = words[0]
        guard path.text.first == UInt8(ascii: "/"), path.text.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            !path.text.contains(UInt8(ascii: "#"))
        else {
            findings.error(
                "expected a path that begins with \"/\", as it is sent, found \(path.shown)", at: path.place)
            return
        }
        var read = UpstreamCheck(path: path.text)
        var rest = words[1...]
        if let word = rest.first, word.isBare("every") {
            rest = rest.dropFirst()
            guard let value = rest.popFirst() else {
                findings.error("expected a duration after \"every\"", at: directive.end)
                return
            }
            guard let nanos = values.duration(value) else { return }
            if nanos < 100 * Nanos.millisecond {
                findings.error("expected a duration of at least 100ms, found \(value.shown)", at: value.place)
                return
            }
            read.everyNanos = nanos
        }
        if let word = rest.first(where: { $0.string.hasPrefix("every=") }) {
            findings.error(
                "expected \"every\" and a duration in words of their own, found \(word.shown)", at: word.place
            )
            return
        }
        guard let given = findings.assignments(Array(rest), names: ["timeout", "rise", "fall"], usage: usage)
        else { return }
        if let word = given["timeout"], let nanos = values.duration(word) { read.timeoutNanos = nanos }
        let counts = 1...1000
        if let word = given["rise"], let count = values.number(word, in: counts, what: "a number of checks") {
            read.riseCount = count
        }
        if let word = given["fall"], let count = values.number(word, in: counts, what: "a number of checks") {
            read.fallCount = count
        }
        check = read
    }

    /// queue N [timeout=DURATION]
    mutating func readQueue(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...2, "queue N [timeout=…]"),
            let limit = values.number(words[0], in: 1...1_000_000, what: "a number of requests"),
            let given = findings.assignments(Array(words[1...]), names: ["timeout"])
        else { return }
        var read = UpstreamQueue(limit: limit)
        if let word = given["timeout"], let nanos = values.duration(word) { read.timeoutNanos = nanos }
        queue = read
        queuePlace = directive.head
    }
}
