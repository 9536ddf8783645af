import Testing

@testable import keygate

@Suite("The command line is read strictly")
struct ArgumentsTests {
    static let command = Command(
        "thing make", "NAME", "[SIZE]", summary: "Makes a thing.",
        options: [
            .value("--colour", "-c", as: "COLOUR", "its colour"), .values("--tag", as: "TAG", "a tag"),
            .flag("--loud", "make a noise"),
        ]
    ) { (_) throws(CommandFailure) in .done }

    static func parse(_ words: String...) throws(CommandFailure) -> Arguments {
        try Arguments(words[...], for: command)
    }

    @Test("options may stand anywhere, in either form, and values may begin with a dash")
    func options() throws {
        let arguments = try Self.parse("--tag", "a", "box", "--tag=b=c", "-c", "-1h", "--loud", "big")
        #expect(arguments.all("--tag") == ["a", "b=c"])
        #expect(arguments.value("--colour") == "-1h")
        #expect(arguments.has("--loud"))
        #expect(arguments.allOperands == ["box", "big"])
    }

    @Test("two dashes end the options, and a lone dash is an operand")
    func operands() throws {
        #expect(try Self.parse("--", "--loud", "-").allOperands == ["--loud", "-"])
        #expect(try Self.parse("-").operand(0) == "-")
        #expect(try Self.parse("box").operand(1) == nil)
        #expect(try Self.parse("box", "--colour=").value("--colour") == "")
    }

    @Test(
        "what is wrong is said",
        arguments: [
            (["box", "--color", "red"], #"unknown option "--color"; did you mean "--colour"?"#),
            (["box", "--zebra"], #"unknown option "--zebra""#),
            (["box", "-x"], #"unknown option "-x"; did you mean "-c"?"#),
            (["box", "--colour"], "--colour needs a value: --colour COLOUR"),
            (["box", "--colour", "--loud"], "--colour needs a value: --colour COLOUR"),
            (["box", "--loud=yes"], "--loud takes no value"),
            (["box", "-c", "red", "--colour", "blue"], "--colour is given twice"),
            ([], "NAME is missing"),
            (["box", "big", "extra"], #"unexpected "extra""#),
        ])
    func refusals(_ words: [String], _ message: String) {
        do throws(CommandFailure) {
            _ = try Arguments(words[...], for: Self.command)
            Issue.record("the words were accepted")
        } catch {
            #expect(error.message == message)
        }
    }

    @Test("the help names every option once")
    func help() {
        #expect(
            Self.command.help == """
                usage: keygate thing make NAME [SIZE] [OPTIONS]

                Makes a thing.

                options:
                  --colour, -c COLOUR  its colour
                  --tag TAG            a tag (repeatable)
                  --loud               make a noise
                """)
    }

    @Test("no two commands have the same words, nor two options of one the same spelling")
    func table() {
        #expect(Set(Keygate.commands.map(\.name)).count == Keygate.commands.count)
        for command in Keygate.commands {
            let spellings = command.options.flatMap(\.spellings)
            #expect(Set(spellings).count == spellings.count, "\(command.name)")
        }
    }
}
