// keygate usage: who used what, from the verifications that were summed up. It asks the same question as any
// client of the analytics call could, and only writes the query for it.

import JSON
import Reactor

enum UsageCommand {
    /// What the rows are about: the word on the command line, the expression in the query, the heading.
    private enum Subject: String, CaseIterable {
        case outcome, route, identity, key, tag

        var expression: String {
            switch self {
            case .outcome: "outcome"
            case .route: "route"
            case .identity: "external_id"
            case .key: "key_id"
            case .tag: "arrayJoin(tags)"
            }
        }
    }

    private static let defaultSpan = "24h"
    private static let rowLimit = 1_000
    private static let retentionMillis: Int64 = 90 * 86_400_000

    static let commands: [Command] = [
        Command(
            "usage", summary: "Shows how often keys were verified, and with which success.",
            options: [
                .value("--by", as: "SUBJECT", "outcome (default), route, identity, key or tag"),
                .value(
                    "--since", as: "TIME",
                    "a duration such as 90m or 7d, or a time; default \(defaultSpan), at most 90d"),
            ] + .store, run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let word = arguments.value("--by") ?? Subject.outcome.rawValue
        guard let subject = Subject(rawValue: word) else {
            let known = Subject.allCases.map(\.rawValue)
            throw .usage(Arguments.unknown("subject of --by", word, known: known))
        }
        let now = TimeText.now
        let start = try start(arguments.value("--since") ?? defaultSpan, now)
        let rows = try Administration(arguments).call(
            "analytics.getVerifications", ["query": .string(query(subject, since: start, now))])
        arguments.output.print(
            rows.elements ?? [], heading: [subject.rawValue.uppercased(), "REQUESTS", "VALID", "CREDITS"]
        ) { row in
            let name = row.cell(subject.rawValue)
            return [name.isEmpty ? "-" : name, row.cell("requests"), row.cell("valid"), row.cell("credits")]
        }
        return .done
    }

    /// A duration counts backwards from now, whether or not a minus sign stands in front of it.
    private static func start(_ text: String, _ now: Int64) throws(CommandFailure) -> Int64 {
        let start: Int64?
        if let duration = TimeText.duration(text) {
            start = now - abs(duration)
        } else {
            start = TimeText.parse(text, relativeTo: now)
        }
        guard let start, start <= now else {
            throw .usage("--since expects a duration such as 24h or a time in the past, found \"\(text)\"")
        }
        guard start >= now - retentionMillis else { throw .usage("--since reaches back 90d at most") }
        return start
    }

    /// The finest sums that are few enough for the span. Whole stretches are counted, so the first may begin
    /// before `start`.
    private static func query(_ subject: Subject, since start: Int64, _ now: Int64) -> String {
        let (table, beginning) =
            switch now - start {
            case ...(6 * 3_600_000): ("minute", "toStartOfMinute")
            case ...(7 * 86_400_000): ("hour", "toStartOfHour")
            default: ("day", "toDate")
            }
        // The day that 90 days reach back to has begun before them.
        let first = max(start, now - retentionMillis + (table == "day" ? 86_400_000 : 0))
        return """
            SELECT \(subject.expression) AS \(subject.rawValue), sum(count) AS requests, \
            sumIf(count, outcome = 'VALID') AS valid, sum(spent_credits) AS credits \
            FROM key_verifications_per_\(table)_v1 \
            WHERE time >= \(beginning)(fromUnixTimestamp64Milli(\(first))) \
            GROUP BY \(subject.rawValue) ORDER BY requests DESC, \(subject.rawValue) LIMIT \(rowLimit)
            """
    }
}
