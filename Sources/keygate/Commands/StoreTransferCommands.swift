// keygate store restore|export|import: a store that is brought somewhere else. Restoring and importing make a
// store where none is; exporting goes on beside a running server.

import Bytes
import Glibc
import JSON
import Keys
import Reactor
import Rules

enum StoreTransferCommands {
    static let commands: [Command] = [
        Command(
            "store restore", "BACKUP", "DIR",
            summary:
                "Makes a store at DIR, which must be empty or not exist, from a copy made by store backup. The "
                + "copy is checked before and the store after; DIR appears as a whole or not at all.",
            options: [.flag("--json", "print JSON for programs")], run: restore),
        Command(
            "store export", "[FILE]",
            summary:
                "Writes everything in the store, as of one moment, as JSON lines to FILE, or to standard output "
                + "if there is none or it is -: hashes of keys and never a secret. Goes on while a server serves.",
            options: .store, run: export),
        Command(
            "store import", "FILE",
            summary:
                "Makes the store, which must be empty or not exist, from the JSON lines of store export. A bad "
                + "line is refused with its number, and nothing is imported. - reads standard input.",
            options: .store, run: takeIn),
    ]

    private static func restore(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let target = arguments.required(1)
        let report = try failing("restoring \(target)") { () throws(StoreFileError) in
            try KeyStore.restore(arguments.required(0), to: target)
        }
        if let tail = report.tornTail { Console.complain("\(tail)") }
        for problem in report.problems { Console.complain("restored as it is: \(problem)") }
        let result: JSONValue = [
            "directory": .string(target), "keys": .number(report.keyCount),
            "identities": .number(report.identityCount), "leasedCredits": .number(Int(report.leasedCredits)),
            "leasedKeys": .number(report.leasedKeyCount),
        ]
        // Spent or not, nobody can tell: so that nothing is given out twice, it counts as gone.
        let lost =
            report.leasedKeyCount == 0
            ? ""
            : "; written off: \(report.leasedCredits.counted("credit")) on lease to \(report.leasedKeyCount) of them"
        arguments.output.print(result) { _ in
            "restored to \(target): \(report.keyCount.counted("key")), \(report.identityCount.counted("identity", plural: "identities"))\(lost)"
        }
        return .done
    }

    private static func export(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        // As for an import, - is no file.
        let file = arguments.operand(0).flatMap { $0 == "-" ? nil : $0 }
        switch try StoreOwner(of: ConfigurationFile.storeDirectory(arguments)) {
        case .nobody(let open): try export(open.store, to: file)
        case .server(let server):
            // The server copies its store as of one moment; the copy is nobody's and can be read at leisure.
            let copy = try TemporaryDirectory()
            _ = try Progress.showing("copying the store") { (_) throws(CommandFailure) in
                try server.ask("/control/store.backup", body: ["directory": .string(copy.path + "/store")])
            }
            let store = try failing("opening the copy") { () throws(StoreFileError) in
                try KeyStore.open(copy.path + "/store")
            }
            try export(store, to: file)
        }
        if let file { arguments.output.print(["file": .string(file)]) { _ in "exported to \(file)" } }
        return .done
    }

    private static func export(_ store: KeyStore, to file: String?) throws(CommandFailure) {
        if let file {
            return try failing("exporting to \(file)") { () throws(StoreFileError) in
                try store.export(toFile: file)
            }
        }
        do throws(Errno) {
            let output = try FileDescriptor.duplicateOfStandardOutput()
            // On a terminal the lines themselves show how far it is.
            if isatty(1) == 1 { return try store.export(to: output) }
            try Progress.showing("exporting") { (_) throws(Errno) in try store.export(to: output) }
        } catch {
            throw .failed("cannot write the export: \(error)")
        }
    }

    private static func takeIn(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let file = arguments.required(0)
        let directory = try ConfigurationFile.storeDirectory(arguments)
        let text: [UInt8]
        do throws(SourceError) {
            text = try Progress.showing("reading \(file)") { (_) throws(SourceError) in
                try SourceReader.system.read(file == "-" ? "/dev/stdin" : file)
            }
        } catch {
            throw .failed("cannot read \(file): \(error.reason)")
        }
        let outcome = try failing("importing \(file)") { () throws(StoreFileError) in
            try KeyStore.importing(text, to: directory)
        }
        switch outcome {
        case .refused(let error): throw .failed("\(file): \(error); nothing was imported")
        case .imported(let count):
            let result: JSONValue = ["directory": .string(directory), "records": .number(count)]
            arguments.output.print(result) { _ in "imported \(count.counted("record")) to \(directory)" }
            return .done
        }
    }
}

/// A directory that only this user may enter, gone with everything in it when this value is.
private struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws(CommandFailure) {
        let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array((parent + "/keygate-export-XXXXXX").utf8CString)
        let made = unsafe mkdtemp(&template)
        let code = errno
        guard unsafe made != nil else {
            throw .failed("cannot make a directory under \(parent): \(Errno(code: code))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? KeyStore.remove(path + "/store")
        _ = unsafe rmdir(path)
    }
}
