// keygate store …: care of the store itself. Copying and compacting go on while a server serves; the server does
// them then, because it alone may touch its files.

import Bytes
import JSON
import Keys
import Management

enum StoreCommands {
    static let commands: [Command] = [
        Command(
            "store verify",
            summary:
                "Reads every byte of the store, of its ledger and of its sums of usage, and says whether it would "
                + "open and what is damaged. Changes nothing. Not read: rate-windows, which a start empties, and "
                + "what was laid aside.",
            options: .store, run: verify),
        Command(
            "store backup", "DIR", summary: "Copies the store, as it is now, into a new or empty directory.",
            options: .store, run: backup),
        Command(
            "store compact",
            summary: "Rewrites the store as one snapshot, without the history in its journal.",
            options: .store, run: compact),
        Command("store stat", summary: "Shows how much the store holds.", options: .store, run: stat),
    ]

    private static func verify(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let directory = try ConfigurationFile.storeDirectory(arguments)
        try StoreOwner.requireStore(directory)
        // The files are read as they lie, also beside a running server; see `KeyStore.verify`.
        let report = Progress.showing("verifying \(directory)") { _ in KeyStore.verify(directory) }
        var object = JSONObject()
        object.append("intact", .bool(report.problem == nil))
        object.append(
            "files",
            .array(report.files.map { ["path": .string($0.path), "records": .number($0.recordCount)] }))
        object.append("keys", .number(report.keyCount))
        object.append("identities", .number(report.identityCount))
        object.append("tornTail", ifPresent: report.tornTail.map { .string("\($0)") })
        object.append("problem", ifPresent: report.problem.map { .string("\($0)") })
        arguments.output.print(.object(object)) { verified in
            let files = (verified["files"]?.elements ?? []).map { [$0.cell("path"), $0.cell("records")] }
            let verdict =
                report.problem == nil
                ? "intact: \(report.keyCount.counted("key")), \(report.identityCount.counted("identity", plural: "identities"))"
                : "damaged"
            return Table.text(["FILE", "RECORDS"], files) + "\n" + verdict
        }
        if let tail = report.tornTail { Console.complain("\(tail)") }
        if report.problems.isEmpty { return .done }
        throw .failed(report.problems.map { "\($0)" }.joined(separator: "; "))
    }

    private static func backup(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let target = arguments.required(0)
        switch try StoreOwner(of: ConfigurationFile.storeDirectory(arguments)) {
        case .server(let server):
            // The server may have another working directory than this process.
            let body: JSONValue = ["directory": .string(try WorkingDirectory.absolute(target))]
            _ = try Progress.showing("copying the store") { (_) throws(CommandFailure) in
                try server.ask("/control/store.backup", body: body)
            }
        case .nobody(let open):
            try failing("copying the store") { () throws(StoreFileError) in try open.store.backup(to: target)
            }
        }
        arguments.output.print(["directory": .string(target)]) { _ in "copied to \(target)" }
        return .done
    }

    private static func compact(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        switch try StoreOwner(of: ConfigurationFile.storeDirectory(arguments)) {
        case .server(let server):
            _ = try Progress.showing("compacting the store") { (_) throws(CommandFailure) in
                try server.ask("/control/store.compact", body: [:])
            }
        case .nobody(let open):
            try failing("compacting the store") { () throws(StoreFileError) in try open.store.compact() }
        }
        arguments.output.print([:]) { _ in "compacted" }
        return .done
    }

    private static func stat(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let statistics: JSONValue
        switch try StoreOwner(of: ConfigurationFile.storeDirectory(arguments)) {
        case .server(let server): statistics = try server.ask("/control/store.stat", body: nil)
        case .nobody(let open): statistics = open.store.statistics.json
        }
        arguments.output.print(statistics) { statistics in
            Table.fields(
                (statistics.object?.members ?? []).map { member in
                    (String(decoding: member.name, as: UTF8.self), Optional(member.value).cell)
                })
        }
        return .done
    }

}

/// Runs work on the files of a store, shows what is being done, and turns its error into the command's.
func failing<R>(
    _ title: String, _ work: () throws(StoreFileError) -> R
) throws(CommandFailure) -> R {
    do throws(StoreFileError) {
        return try Progress.showing(title) { (_) throws(StoreFileError) in try work() }
    } catch {
        throw .failed("\(error)")
    }
}
