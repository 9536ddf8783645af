// Credits and rate limits as people type them.

import JSON

extension [Option] {
    /// Limits of a key or of an identity.
    static let limits: [Option] = [
        .values(
            "--ratelimit", as: "NAME=N/DURATION",
            "a limit such as requests=100/1m; with ,auto behind it, charged by every request")
    ]

    /// What pays for the requests of a key that is made, and of one that is changed.
    static let credits = credits("without, it is not limited by credits")
    static let changedCredits = credits("without, they stay as they are")

    private static func credits(_ otherwise: String) -> [Option] {
        [
            .value("--credits", as: "N", "credits the key may spend; \(otherwise)"),
            .value(
                "--refill", as: "daily:N|monthly:DAY:N", "what the credits are filled up to, at midnight UTC"),
        ]
    }
}

extension Arguments {
    /// The `ratelimits` member of a request, if limits were given.
    func ratelimits() throws(CommandFailure) -> JSONValue? {
        if !has("--ratelimit") { return nil }
        var limits: [JSONValue] = []
        for text in all("--ratelimit") { limits.append(try Self.ratelimit(text)) }
        return .array(limits)
    }

    private static func ratelimit(_ text: String) throws(CommandFailure) -> JSONValue {
        var rule = Substring(text)
        let isAutomatic = rule.hasSuffix(",auto")
        if isAutomatic { rule = rule.dropLast(5) }
        let parts = rule.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let rate = rate(parts[1]) else {
            throw .usage("--ratelimit expects NAME=N/DURATION such as requests=100/1m, found \"\(text)\"")
        }
        return [
            "name": .string(String(parts[0])), "limit": .number(rate.limit), "duration": .number(rate.millis),
            "autoApply": .bool(isAutomatic),
        ]
    }

    /// `100/1m` as a number and milliseconds.
    static func rate(_ text: Substring) -> (limit: Int, millis: Int)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let limit = Int(parts[0]), let millis = TimeText.duration(String(parts[1])),
            millis > 0
        else { return nil }
        return (limit, Int(millis))
    }

    /// The `credits` member of a request, if credits or a refill were given.
    func credits() throws(CommandFailure) -> JSONValue? {
        var credits = JSONObject()
        credits.append("remaining", ifPresent: try integer("--credits"))
        if let text = value("--refill") { credits.append("refill", try Self.refill(text)) }
        return credits.isEmpty ? nil : .object(credits)
    }

    private static func refill(_ text: String) throws(CommandFailure) -> JSONValue {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("daily", 2):
            if let amount = Int(parts[1]) { return ["interval": "daily", "amount": .number(amount)] }
        case ("monthly", 3):
            if let day = Int(parts[1]), let amount = Int(parts[2]) {
                return ["interval": "monthly", "refillDay": .number(day), "amount": .number(amount)]
            }
        default:
            break
        }
        throw .usage("--refill expects daily:N or monthly:DAY:N, found \"\(text)\"")
    }
}
