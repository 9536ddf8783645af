// The small directives of the top level: workers, limits, time-outs, trusted proxies, the log.

import Access
import Bytes

extension Checker {
    mutating func checkWorkers(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1, "workers auto|N") else { return }
        let word = words[0]
        if word.isBare("auto") {
            settings.workers = .automatic
        } else if let count = ASCII.decimal(word.text.span), (1...1024).contains(count) {
            settings.workers = .fixed(count)
        } else {
            findings.error("expected auto or a number from 1 to 1024, found \(word.shown)", at: word.place)
        }
    }

    mutating func checkCreditLeaseMaximum(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1, "credit-lease-max N"),
            let count = values.number(words[0], in: 1...1_000_000_000, what: "a number of credits")
        else { return }
        settings.creditLeaseMaximum = count
    }

    mutating func checkTrustedProxies(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1000, "trusted-proxies NETWORK…") else { return }
        for word in words {
            do {
                let network = try IPNetwork(parsing: word.text.span)
                if settings.trustedProxies.contains(network) {
                    findings.error("\(network) is trusted already", at: word.place)
                } else {
                    settings.trustedProxies.append(network)
                }
            } catch {
                let hint =
                    word.text.contains(UInt8(ascii: ",")) ? "; several networks are separated by blanks" : ""
                findings.error("\(error), found \(word.shown)\(hint)", at: word.place)
            }
        }
    }

    mutating func checkClientTimeout(_ directive: Directive) {
        let usage = "client-timeout head=… body=… idle=…"
        guard let words = findings.arguments(directive, 1...3, usage),
            let given = findings.assignments(words, names: ["head", "body", "idle"])
        else { return }
        if let word = given["head"], let nanos = values.duration(word) {
            settings.clientTimeouts.headNanos = nanos
        }
        if let word = given["body"], let nanos = values.duration(word) {
            settings.clientTimeouts.bodyNanos = nanos
        }
        if let word = given["idle"], let nanos = values.duration(word) {
            settings.clientTimeouts.idleNanos = nanos
        }
    }

    mutating func checkLimits(_ directive: Directive) {
        let names = ["head", "headers", "target", "body", "chunk-line", "connections"]
        let usage = names.map { $0 + "=…" }.joined(separator: " ")
        guard let words = findings.arguments(directive, 1...names.count, "limits \(usage)"),
            let given = findings.assignments(words, names: names)
        else { return }
        var limits = Limits()
        if let word = given["head"], let bytes = values.size(word, in: 1 << 10...1 << 20) {
            limits.headBytes = bytes
        }
        if let word = given["headers"], let count = values.number(word, in: 1...1000, what: "a number") {
            limits.headerCount = count
        }
        if let word = given["target"], let bytes = values.size(word, in: 64...1 << 20) {
            limits.targetBytes = bytes
        }
        if let word = given["body"], let bytes = values.size(word, in: 0...1 << 40) {
            limits.bodyBytes = bytes
        }
        if let word = given["chunk-line"], let bytes = values.size(word, in: 16...16 << 10) {
            limits.chunkLineBytes = bytes
        }
        if let word = given["connections"],
            let count = values.number(word, in: 1...1_000_000, what: "a number")
        {
            limits.connectionsPerWorker = count
        }
        if limits.targetBytes > limits.headBytes {
            findings.error(
                "the request target is part of the head: target=\(ValueReader.shown(limits.targetBytes)) exceeds head=\(ValueReader.shown(limits.headBytes))",
                at: directive.head)
        }
        settings.limits = limits
    }

    mutating func checkRecheckInterval(_ directive: Directive) {
        let bounds = 100 * Nanos.millisecond...Nanos.day
        guard let words = findings.arguments(directive, 1...1, "recheck-interval DURATION"),
            let nanos = values.duration(words[0])
        else { return }
        if bounds.contains(nanos) {
            settings.recheckIntervalNanos = nanos
        } else {
            findings.error(
                "expected an interval from 100ms to 1d, found \(words[0].shown)", at: words[0].place)
        }
    }

    mutating func checkFailedKeyLimit(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1, "failed-key-limit RATE"),
            let rate = RouteLimitReader.rate(words[0], values, findings)
        else { return }
        settings.failedKeyLimit = FailedKeyLimit(count: rate.limit, durationMillis: rate.durationMillis)
    }

    mutating func checkAccessLog(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1, "access-log stdout|FILE|off"),
            let path = values.filePath(words[0])
        else { return }
        // A quoted "off" is a file of that name.
        if words[0].isBare("stdout") {
            settings.accessLog = .standardOutput
        } else if words[0].isBare("off") {
            settings.accessLog = .off
        } else if !words[0].isQuoted, let meant = Self.accessLogMeant(path) {
            findings.error(
                "expected stdout, off or a FILE, found \(words[0].shown)\(meant); a file of that name is written ./\(path)",
                at: words[0].place)
        } else {
            settings.accessLog = .file(path: path)
        }
    }

    /// A hint for a word that is hardly meant as a file, or nothing to add; nil for a file.
    private static func accessLogMeant(_ word: String) -> String? {
        let hint = NearestWord.hint(for: word, in: ["stdout", "off"])
        return hint.isEmpty && !["on", "none", "stderr", "syslog", "true", "false"].contains(word)
            ? nil : hint
    }
}
