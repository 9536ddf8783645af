// The way in: finds the command that was typed, parses what follows it, runs it, and turns what went wrong
// into a sentence and an exit code.

import Glibc

@main struct Keygate {
    static let version = "0.1.0"

    static func main() {
        let code = run(Array(CommandLine.arguments.dropFirst()))
        exit(code.rawValue)
    }

    /// Every command, in the order the help lists them.
    static let commands: [Command] =
        ServeCommand.commands + CheckCommand.commands + RoutesCommand.commands + ExplainCommand.commands
        + EchoCommand.commands + AttackCommand.commands + APICommands.commands + KeyCommands.commands
        + KeyCreditCommands.commands
        + IdentityCommands.commands + RoleCommands.commands + PermissionCommands.commands
        + RootKeyCommands.commands + UsageCommand.commands + RatelimitCommands.commands
        + ImportCommand.commands + CallCommand.commands + LedgerCommands.commands
        + StoreCommands.commands + StoreTransferCommands.commands + HelpCommand.commands

    private static func run(_ typed: [String]) -> ExitCode {
        // `keygate key --help`: what there is to do with keys.
        let asksAboutNoun = typed.count == 2 && ["--help", "-h"].contains(typed[1])
        let words = asksAboutNoun ? ["help", typed[0]] : typed
        var command: Command?
        do throws(CommandFailure) {
            let found = try find(words)
            command = found
            if words.dropFirst(found.words.count).contains("--help") {
                Console.print(found.help)
                return .done
            }
            return try found.run(Arguments(words.dropFirst(found.words.count), for: found))
        } catch {
            Console.complain(error.message)
            switch error {
            case .failed:
                return .failed
            case .notBegun:
                return .wrongUsage
            case .usage:
                Console.note(
                    command.map { "usage: \($0.synopsis); `keygate help \($0.name)` explains" }
                        ?? "`keygate help` lists the commands")
                return .wrongUsage
            }
        }
    }

    /// The command that `words` begin with.
    private static func find(_ words: [String]) throws(CommandFailure) -> Command {
        guard let first = words.first else { throw .usage("no command") }
        if first == "--help" || first == "-h" { return try find(["help"] + words.dropFirst()) }
        if let found = commands.first(where: { words.starts(with: $0.words) }) { return found }
        let verbs = commands.filter { $0.words.count > 1 && $0.words[0] == first }.map { $0.words[1] }
        guard !verbs.isEmpty else {
            throw .usage(Arguments.unknown("command", first, known: commands.map { $0.words[0] }))
        }
        guard words.count > 1 else { throw .usage("\(first) needs one of: \(verbs.joined(separator: ", "))") }
        throw .usage(Arguments.unknown("\(first) command", words[1], known: verbs))
    }
}
