import Glibc
import Testing

/// What the documentation shows is run: the sample configuration, every example, and the commands and
/// configurations of the README.
@Suite struct Documentation {
    @Test func theSampleConfigurationRunsAsShipped() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        let sample = Keygate.repository + "/gateway.conf.sample"
        let environment = [
            "KEYGATE_LISTEN": "127.0.0.1:0", "KEYGATE_ADMIN": "127.0.0.1:0",
            "KEYGATE_STORE": directory.file("store"),
            "KEYGATE_UPSTREAM": upstream.endpoint.url,
        ]
        let checked = try Keygate.run(["check", "-c", sample], in: directory.path, environment: environment)
        #expect(checked.succeeded, "\(checked.output)\(checked.errors)")
        // And without any variable set: the defaults must stand by themselves.
        #expect(try Keygate.run(["check", "-c", sample], in: directory.path).succeeded)
        let child = try Child(
            [Keygate.binary, "run", "-c", sample], in: directory.path, environment: environment)
        defer { child.signal(9) }
        let line = try child.line("listening") { $0.hasPrefix("keygate: listening on ") }
        let endpoint = try #require(Endpoint(printed: line.split(separator: " ")[3]))
        let answer = try Client(endpoint).request("GET", "/v1/invoices/1")
        #expect(answer.status == 401)
        #expect(answer.code == "MISSING_KEY")
        child.signal(SIGTERM)
        #expect(try child.waitForExit() == .code(0))
    }

    static let examples: [String] = {
        let listed = try? runToEnd(
            ["sh", "-c", "ls -d examples/*/run.sh | cut -d/ -f2"], in: Keygate.repository)
        return listed?.output.split(separator: "\n").map(String.init) ?? []
    }()

    @Test func thereAreExamples() {
        #expect(Self.examples.count >= 6)
    }

    @Test(.enabled(if: hasProgram("curl"), "the curl command is not installed"), arguments: examples)
    func anExampleDoesWhatItsExpectedOutputSays(_ name: String) throws {
        // `--once` compares with expected-output.txt itself and fails with the difference.
        let done = try runToEnd(
            ["bash", "\(Keygate.repository)/examples/\(name)/run.sh", "--once"], in: "/",
            environment: ["KEYGATE_BIN": Keygate.binary], milliseconds: 120_000)
        #expect(done.succeeded, "\(done.output)\(done.errors)")
    }

    /// Every promise in the README names tests; there have to be such.
    @Test func thePromisesNameTestsThatExist() throws {
        let readme = try readFile(Keygate.repository + "/README.md")
        let promises = try #require(readme.split(separator: "\n## ").first { $0.hasPrefix("What is kept") })
        let names = promises.matches(of: /`([A-Z][A-Za-z]+)\.([a-z][A-Za-z]+)`/).map {
            (suite: String($0.1), test: String($0.2))
        }
        #expect(names.count > 20, "the table of promises is gone")
        for (suite, test) in names {
            let files = try runToEnd(
                ["grep", "-rlE", "struct \(suite)\\b", "Tests", "--include=*.swift"], in: Keygate.repository)
            let found = try files.output.split(separator: "\n").contains { file in
                try readFile(Keygate.repository + "/" + file).contains("func \(test)(")
            }
            #expect(found, "\(suite).\(test)")
        }
    }

    /// Fenced blocks of the README, as lines.
    static func blocks() throws -> [[String]] {
        var found: [[String]] = []
        var open: [String]?
        for line in try readFile(Keygate.repository + "/README.md").split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            if line.hasPrefix("```") {
                if let block = open { found.append(block) }
                open = open == nil ? [] : nil
            } else {
                open?.append(String(line))
            }
        }
        return found
    }

    /// Blocks that are a whole configuration.
    static func configurations() throws -> [String] {
        try blocks().filter { block in
            block.contains { $0.hasPrefix("listen") } && block.contains { $0.hasPrefix("route") }
        }.map { $0.joined(separator: "\n") + "\n" }
    }

    @Test func theREADMEShowsAConfigurationThatChecks() throws {
        let configurations = try Self.configurations()
        #expect(!configurations.isEmpty)
        for configuration in configurations {
            let directory = try Directory()
            try directory.write(configuration, to: "gateway.conf")
            let done = try Keygate.run(["check"], in: directory.path)
            #expect(done.succeeded, "\(configuration)\n\(done.errors)")
        }
    }

    /// Blocks without a prompt are commands to type one after the other, beside the configuration above them.
    @Test func theCommandsOfTheREADMERunInTheirOrder() throws {
        let directory = try Directory()
        // The ports of the README may be somebody's here.
        let configuration = try #require(try Self.configurations().first)
            .replacing("127.0.0.1:8080", with: "127.0.0.1:0").replacing("127.0.0.1:8081", with: "127.0.0.1:0")
        try directory.write(configuration, to: "gateway.conf")
        var count = 0
        for block in try Self.blocks() where !block.contains(where: { $0.hasPrefix("$ ") }) {
            for line in block where line.hasPrefix("keygate ") {
                count += 1
                let words = ["sh", "-c", "keygate() { \"$KEYGATE\" \"$@\"; }; \(line)"]
                guard line.hasPrefix("keygate run") else {
                    let done = try runToEnd(
                        words, in: directory.path, environment: ["KEYGATE": Keygate.binary])
                    #expect(done.succeeded, "\(line): \(done.errors)")
                    continue
                }
                let child = try Child([Keygate.binary, "run"], in: directory.path)
                _ = try child.line("listening") { $0.hasPrefix("keygate: listening on ") }
                child.signal(SIGTERM)
                #expect(try child.waitForExit() == .code(0))
            }
        }
        #expect(count > 0)
    }

    /// Commands shown with their output name things of somebody's store; that they exist can be tested.
    @Test func everyCommandShownInTheREADMEExistsWithItsOptions() throws {
        let directory = try Directory()
        for line in try Self.blocks().joined() where line.hasPrefix("$ ") {
            guard let name = line.firstRange(of: "keygate ") else { continue }
            let command = line[name.upperBound...].prefix(while: { !"|)".contains($0) })
            let words = command.split(separator: " ")
            let names = words.prefix(while: { word in word.allSatisfy(\.isLowercase) }).prefix(2).map(
                String.init)
            let pages = try (1...max(1, names.count)).reversed().map {
                try Keygate.run(["help"] + names.prefix($0), in: directory.path)
            }
            let page = try #require(pages.first { $0.succeeded }, "no such command: \(line)")
            for option in words where option.hasPrefix("--") {
                #expect(page.output.contains(option), "\(option) is not an option of: \(line)")
            }
        }
    }
}
