// `keygate import`: keys from elsewhere, of which only the hashes are known.

import JSON
import Rules

enum ImportCommand {
    /// Keys of one call: each call is one wait for the disk.
    private static let batchSize = 500

    static let commands: [Command] = [
        Command(
            "import unkey", "FILE",
            summary:
                "Takes keys over from JSON lines: hash, name, externalId, meta, roles, permissions, limits, "
                + "credits, expires. Hashes that are there already are left alone and listed.",
            options: [
                .value("--api", as: "NAME|ID", "the API that the keys will belong to (required)"),
                .value(
                    "--migration", as: "ID",
                    "how hashes are written: sha256_base64 (the default), sha256_hex or seam_prefixed_api_key"
                ),
            ] + .store, run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        guard let api = arguments.value("--api") else { throw .usage("--api is missing") }
        // Every line is read before the first key is stored: a mistake at the end leaves nothing half done.
        let keys = try read(arguments.required(0))
        let administration = try Administration(arguments)
        let apiId = try administration.apiId(of: api)
        let migration = arguments.value("--migration") ?? "sha256_base64"
        var migrated = 0
        var failed: [JSONValue] = []
        try Progress.showing("importing keys", of: keys.count) { (progress) throws(CommandFailure) in
            for start in stride(from: 0, to: keys.count, by: batchSize) {
                let batch = Array(keys[start..<min(start + batchSize, keys.count)])
                let answer = try administration.call(
                    "keys.migrateKeys",
                    ["migrationId": .string(migration), "apiId": .string(apiId), "keys": .array(batch)])
                migrated += answer["migrated"]?.elements?.count ?? 0
                failed += answer["failed"]?.elements ?? []
                progress.advance(by: batch.count)
            }
        }
        let result: JSONValue = ["migrated": .number(migrated), "failed": .array(failed)]
        arguments.output.print(result) { _ in
            Table.fields([("imported", "\(migrated)"), ("there already", "\(failed.count)")])
        }
        return .done
    }

    private static func read(_ path: String) throws(CommandFailure) -> [JSONValue] {
        let bytes: [UInt8]
        do throws(SourceError) {
            bytes = try SourceReader.system.read(path)
        } catch {
            throw .failed("cannot read \(path): \(error.reason)")
        }
        var keys: [JSONValue] = []
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            let parsed: JSONValue
            do throws(JSONError) {
                parsed = try JSONValue(parsing: Array(line).span)
            } catch {
                throw .failed("\(path):\(number): \(error)")
            }
            guard let object = parsed.object, object["hash"]?.text != nil else {
                throw .failed("\(path):\(number): expected an object with a hash")
            }
            keys.append(.object(renamed(object)))
        }
        if keys.isEmpty { throw .failed("\(path) has no keys") }
        return keys
    }

    /// Exports say `limits` where the API says `ratelimits`; a member that is null is as good as absent.
    private static func renamed(_ object: JSONObject) -> JSONObject {
        var result = JSONObject()
        for member in object.members where member.value != .null {
            let name = String(decoding: member.name, as: UTF8.self)
            result.append(name == "limits" ? "ratelimits" : name, member.value)
        }
        return result
    }
}
