// `keygate echo`: a backend to try things with.

import Gateway
import Reactor

enum EchoCommand {
    static let commands = [
        Command(
            "echo",
            summary:
                "A backend that answers each request with JSON of what it received: see what yours would get. WebSockets get their messages back.",
            options: [
                .value("--listen", as: "ADDRESS", "where; default 127.0.0.1:9000, port 0 takes a free one")
            ],
            run: run)
    ]

    @Sendable private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let text = arguments.value("--listen") ?? "127.0.0.1:9000"
        guard let address = SocketAddress(written: text) else {
            throw .usage("\(text) is not HOST:PORT, [HOST]:PORT or unix:PATH")
        }
        do throws(Errno) {
            let signals = try Signals()
            let server = try EchoServer(listen: address)
            Console.print("keygate: echo listening on \(server.address)")
            try server.run { signals.next(milliseconds: 0) != nil }
        } catch {
            throw .failed("echo on \(text): \(error)")
        }
        return .done
    }
}
