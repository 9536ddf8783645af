// keygate check: is this configuration fit to run? Errors, and warnings about what is allowed and probably not
// meant — among them permissions that routes require and nobody can hold, and APIs that do not exist, where the store
// can be read.

import Access
import Bytes
import Gateway
import JSON
import Keys
import Rules

enum CheckCommand {
    static let commands: [Command] = [
        Command(
            "check", summary: "Checks the configuration and points at what is wrong.",
            options: [
                ConfigurationFile.option,
                .value("--store", as: "DIR", "look for grants and APIs in this store instead"),
                .flag("--strict", "warnings fail too"),
            ], run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let path = arguments.value("--config") ?? ConfigurationFile.defaultPath
        let configuration: Configuration
        let certificates: ListenerCertificates
        do throws(ConfigurationError) {
            configuration = try Configuration.compile(path: path, reader: .system)
            certificates = try ListenerCertificates.load(configuration.settings)
        } catch {
            for diagnostic in error.diagnostics { Console.note("\(diagnostic)") }
            return .failed
        }
        var warnings = configuration.warnings + certificates.warnings
        let directory = arguments.value("--store") ?? configuration.settings.storePath
        // A store that is not there yet grants nothing to anybody, which is no finding about the routes.
        if (try? KeyStore.exists(directory)) != false {
            do throws(CommandFailure) {
                let administration = try Administration(storeDirectory: directory)
                warnings += try unknownAPIs(configuration, administration)
                warnings += try ungranted(configuration, administration)
            } catch {
                Console.note("\(path): the store was not looked at: \(error.message)")
            }
        }
        for warning in warnings { Console.note("\(warning)") }
        let count = warnings.isEmpty ? "no warnings" : warnings.count.counted("warning")
        Console.print("\(path): \(configuration.routes.count.counted("route")), \(count)")
        return warnings.isEmpty || !arguments.has("--strict") ? .done : .failed
    }

    /// A warning for each API that some directive names and the store does not have: no key is of it.
    private static func unknownAPIs(
        _ configuration: Configuration, _ administration: Administration
    ) throws(CommandFailure) -> [Diagnostic] {
        if configuration.apiUses.isEmpty { return [] }
        let apis = try administration.list("apis.listApis")
        let known = apis.flatMap { [$0["id"]?.text, $0["name"]?.text].compactMap { $0 } }
        return configuration.apiUses.filter { !known.contains($0.reference) }.map { use in
            Diagnostic(
                .warning, at: use.excerpt,
                "the store has no API \"\(use.reference)\", so no key is of it"
                    + NearestWord.hint(for: use.reference, in: known))
        }
    }

    /// A warning for each permission that some route requires and no role grants and no key holds.
    private static func ungranted(
        _ configuration: Configuration, _ administration: Administration
    ) throws(CommandFailure) -> [Diagnostic] {
        var missing = configuration.permissionUses
        func strike(_ slug: JSONValue?) { missing.removeAll { $0.name.bytes == slug?.stringBytes } }

        for role in try administration.list("permissions.listRoles") {
            for permission in role["permissions"]?.elements ?? [] { strike(permission["slug"]) }
        }
        // Keys are many: they are asked only as long as roles leave something open.
        for api in try administration.list("apis.listApis") where !missing.isEmpty {
            try administration.forEachPage("apis.listKeys", ["apiId": api["id"] ?? .null]) { keys in
                for key in keys { for slug in key["permissions"]?.elements ?? [] { strike(slug) } }
                return !missing.isEmpty
            }
        }
        return missing.map { use in
            Diagnostic(.warning, at: use.excerpt, "no role and no key grants the permission \"\(use.name)\"")
        }
    }
}
