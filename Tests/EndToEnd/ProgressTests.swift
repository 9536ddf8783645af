import Glibc
import Testing

/// Long work shows what it does on a terminal, and nowhere else. It takes as long as the test wants: what is to be
/// imported comes through a named pipe that nobody has written to yet.
@Suite struct ProgressOfLongWork {
    private static let redraw = "\r\u{1B}[Kreading pipe"

    private static func importing(_ directory: Directory, _ redirection: String) throws -> Child {
        guard unsafe mkfifo(directory.file("pipe"), 0o600) == 0 else {
            throw SocketError.failed("mkfifo", errno: errno)
        }
        let command = "exec \"$0\" store import pipe --store st \(redirection)"
        return try Child(["/bin/sh", "-c", command, Keygate.binary], in: directory.path)
    }

    @Test func aTerminalShowsALineThatGoesAway() throws {
        let (watched, unwatched, source) = (try Directory(), try Directory(), try Directory())
        #expect(try Keygate.run(["api", "create", "shop", "--store", "st"], in: source.path).succeeded)
        let export = try Keygate.run(["store", "export", "--store", "st"], in: source.path)
        #expect(export.succeeded && export.errors.isEmpty)

        let terminal = try Terminal()
        // Both wait for their pipe; the one without a terminal was there before the other had drawn twice.
        let quiet = try Self.importing(unwatched, "")
        let shown = try Self.importing(watched, "2>\(terminal.path)")
        defer { for child in [shown, quiet] { child.signal(SIGKILL) } }
        let drawn = try terminal.read { $0.components(of: Self.redraw) > 2 }
        #expect(drawn.hasPrefix(Self.redraw + ", 0 s"), "\(drawn)")
        try #require(!quiet.hasEnded, "\(quiet.standardError)")
        for directory in [unwatched, watched] { try writeFile(export.output, to: directory.file("pipe")) }
        #expect(try shown.waitForExit() == .code(0))
        #expect(try quiet.waitForExit() == .code(0))

        let end = try terminal.read { $0.hasSuffix("\r\u{1B}[K") }
        #expect(!end.contains("\n"))
        #expect(quiet.standardError.isEmpty, "\(quiet.standardError)")
        for child in [shown, quiet] {
            #expect(child.standardOutput.hasPrefix("imported ") && !child.standardOutput.contains("\u{1B}"))
        }
    }
}

extension String {
    /// How often it holds `other`, where no two overlap.
    fileprivate func components(of other: String) -> Int {
        var count = 0
        var rest = Array(utf8)[...]
        let wanted = Array(other.utf8)
        while rest.count >= wanted.count {
            let isHere = rest.starts(with: wanted)
            count += isHere ? 1 : 0
            rest = rest.dropFirst(isHere ? wanted.count : 1)
        }
        return count
    }
}
