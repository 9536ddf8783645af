// keygate ledger …: what has become of a key's credits, and whether everything adds up. Both only look: a
// running server reads for them, between two batches; without one the files are read as they lie, and neither
// makes a store nor changes one.

import Bytes
import JSON
import Keys
import Management

enum LedgerCommands {
    static let commands: [Command] = [
        Command(
            "ledger show", "KEY",
            summary: "Shows the movements of a key's credits, by the key's id, oldest first.",
            options: [
                .value("--limit", as: "N", "how many of the last movements to show, 1 to 100000; default 50")
            ] + .store, run: show),
        Command(
            "ledger verify",
            summary: "Adds up all movements of credits and says where they do not come to what keys have.",
            options: .store, run: verify),
    ]

    private static func show(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let id = arguments.required(0)
        var limit = 50
        if let text = arguments.value("--limit") {
            guard let count = Int(text), (1...100_000).contains(count) else {
                throw .usage("--limit expects a number from 1 to 100000, found \"\(text)\"")
            }
            limit = count
        }
        let directory = try storeDirectory(arguments)
        let history: JSONValue
        if let server = try ControlClient(storeDirectory: directory) {
            history = try server.ask(
                "/control/ledger.show", body: ["keyId": .string(id), "limit": .number(limit)])
        } else {
            let found = try failing("reading the ledger") { () throws(StoreFileError) in
                try KeyStore.ledger(of: id, limit: limit, in: directory)
            }
            guard let found else { throw .failed(LedgerHistory.unknownKey(id)) }
            history = found.json
        }
        arguments.output.print(history, table: table)
        return .done
    }

    private static func table(_ history: JSONValue) -> String {
        let rows = (history["entries"]?.elements ?? []).map { entry in
            [
                entry.time("time"), entry.cell("kind"), entry.cell("amount"), entry.cell("count"),
                entry.cell("balance"), entry.cell("leased"), entry.cell("reference"),
            ]
        }
        let heading = ["TIME", "KIND", "AMOUNT", "MOVEMENTS", "BALANCE", "LEASED", "REFERENCE"]
        let omitted = history["omitted"]?.integer ?? 0
        return (omitted > 0 ? "\(omitted) before these\n" : "") + Table.text(heading, rows)
    }

    private static func verify(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let directory = try storeDirectory(arguments)
        let report: JSONValue
        if let server = try ControlClient(storeDirectory: directory) {
            report = try Progress.showing("adding up the ledger") { (_) throws(CommandFailure) in
                try server.ask("/control/ledger.verify", body: [:])
            }
        } else {
            report = try failing("adding up the ledger") { () throws(StoreFileError) in
                try KeyStore.verifyLedger(directory)
            }.json
        }
        arguments.output.print(report, table: summary)
        if report["sound"] == .bool(true) { return .done }
        let count = report["findingCount"]?.integer ?? 0
        var complaints = ["the ledger does not add up in \(count.counted("place"))"]
        let damage = (report["damage"]?.elements ?? []).map { Optional($0).cell }
        if !damage.isEmpty {
            let isKnown = report["completeSince"] != .null
            let since = isKnown ? "complete since \(report.time("completeSince"))" : "not complete"
            complaints += damage + ["the history is \(since)"]
        }
        throw .failed(complaints.joined(separator: "; "))
    }

    private static func summary(_ report: JSONValue) -> String {
        let names = ["entries", "keys", "untouchedKeys", "balance", "leased"]
        let amounts = (report["amounts"]?.object?.members ?? []).filter { $0.value != .number(0) }
        let fields =
            names.map { ($0, report.cell($0)) }
            + amounts.map { (String(decoding: $0.name, as: UTF8.self), Optional($0.value).cell) }
        let findings = (report["findings"]?.elements ?? []).map { finding in
            let key =
                finding["keyId"] == .null ? "number \(finding.cell("keyNumber"))" : finding.cell("keyId")
            let place =
                finding["transaction"] == .null
                ? "its record" : "\(finding.cell("kind")) of transaction \(finding.cell("transaction"))"
            return "key \(key), \(place): \(finding.cell("account")) expected \(finding.cell("expected")), "
                + "found \(finding.cell("found"))"
        }
        let verdict = report["sound"] == .bool(true) ? ["everything adds up"] : findings
        let aside = (report["asideFiles"]?.elements ?? []).map { file in
            "\(Optional(file).cell) was damaged and laid aside: the history is complete since then"
        }
        return ([Table.fields(fields)] + aside + verdict).joined(separator: "\n")
    }

    /// The directory of a store that exists.
    private static func storeDirectory(_ arguments: Arguments) throws(CommandFailure) -> String {
        let directory = try ConfigurationFile.storeDirectory(arguments)
        guard ConfigurationFile.exists(directory) else { throw .failed("there is no store at \(directory)") }
        return directory
    }
}
