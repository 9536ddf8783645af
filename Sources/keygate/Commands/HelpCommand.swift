// keygate help, keygate version

enum HelpCommand {
    static let commands: [Command] = [
        Command("version", summary: "Prints the version.", options: []) { (_) throws(CommandFailure) in
            Console.print("keygate \(Keygate.version)")
            return .done
        },
        Command(
            "help", "[COMMAND…]", summary: "Lists the commands, or explains one.", options: [], run: help),
    ]

    private static func help(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let words = arguments.allOperands
        let found = Keygate.commands.filter { $0.words.starts(with: words) }
        if found.isEmpty {
            let known = Keygate.commands.map(\.name) + Keygate.commands.map { $0.words[0] }
            throw .usage(Arguments.unknown("command", words.joined(separator: " "), known: known))
        }
        if words.isEmpty || found.count > 1 {
            Console.print(overview(of: found))
        } else {
            Console.print(found[0].help)
        }
        return .done
    }

    private static func overview(of commands: [Command]) -> String {
        let rows = commands.map { ["  " + ([$0.name] + $0.operands).joined(separator: " "), $0.summary] }
        let lines =
            ["usage: keygate COMMAND [OPTIONS]", "", "commands:"] + Table.aligned(rows)
            + [
                "", "`keygate help COMMAND` explains one.",
                "exit codes: 0 done, 1 refused or failed, 2 wrong usage",
            ]
        return lines.joined(separator: "\n")
    }
}
