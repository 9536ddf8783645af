import Glibc
import Testing

/// A running `keygate run` in a directory of its own, with the store of `Cast` under it.
final class Gateway {
    let directory: Directory
    let child: Child
    let address: Endpoint
    let admin: Endpoint
    let cast: Cast
    /// Kept alive as long as the gateway that talks to it.
    private let upstream: Upstream?
    private let workers: Int
    /// Its end was asked for, or already waited for.
    private var isStopped = false

    /// The routes most tests use, to one upstream called `api`.
    static let routes = """
        route GET  /open/**    { public }
        route GET  /things/**  { require things.read }
        route POST,PUT,PATCH,DELETE /things/** { require things.write }
        route *    /any/**     { authenticated }
        """

    /// Starts with listen, admin and store set; `configuration` is the rest of the file. The
    /// upstream block is written when an upstream is given. A directory in which a gateway ran
    /// before keeps its store. `wrapper` is a command that starts the program in its own way.
    init(
        _ configuration: String = Gateway.routes, upstream: Upstream? = nil, timeouts: String = "",
        listen: String = "listen 127.0.0.1:0", environment: [String: String] = [:], workers: Int = 1,
        directory given: Directory? = nil, through wrapper: [String] = []
    ) throws {
        let (cast, origin) = try Cast.shared.get()
        self.cast = cast
        self.upstream = upstream
        self.workers = workers
        directory = try given ?? Directory()
        if !fileExists(directory.file("gateway.conf")) {
            guard try runToEnd(["cp", "-a", origin.file("store"), directory.path], in: "/").succeeded else {
                throw Cast.CastError(reason: "store could not be copied")
            }
        }
        try directory.write(
            Gateway.file(
                configuration, upstream: upstream, timeouts: timeouts, listen: listen, workers: workers),
            to: "gateway.conf")
        child = try Child(
            wrapper + [Keygate.binary, "run", "-c", "gateway.conf"], in: directory.path,
            environment: environment)
        let line = try child.line("keygate: listening on") { $0.hasPrefix("keygate: listening on ") }
        let words = line.split(separator: " ")
        guard words.count >= 6, words[words.count - 2] == "(admin",
            let first = Endpoint(printed: words[3].split(separator: ",")[0]),
            let admin = Endpoint(printed: words[words.count - 1].dropLast())
        else { throw Cast.CastError(reason: "unexpected line: \(line)") }
        address = first
        self.admin = admin
    }

    deinit {
        if isStopped { return }
        child.signal(SIGKILL)
        // Whatever a test looked at, a gateway that had died under it fails it.
        guard let exit = try? child.waitForExit(), exit != .signal(SIGKILL) else { return }
        Issue.record("the gateway died, \(exit): \(child.standardError.suffix(4000))")
    }

    static func file(
        _ configuration: String, upstream: Upstream?, timeouts: String = "",
        listen: String = "listen 127.0.0.1:0",
        workers: Int = 1
    ) -> String {
        var text = """
            \(listen)
            admin 127.0.0.1:0
            store ./store
            workers \(workers)
            \(configuration.contains("access-log ") ? "" : "access-log ./access.log")
            headers {
                X-Tenant-Id   identity.externalId
                X-Key-Id      key.id
                X-Plan        identity.meta.plan
                X-Permissions key.permissions
            }

            """
        if let upstream {
            // A machine that stands still for the two seconds of the default is no server that takes no connection.
            let waits = "timeout " + (timeouts.contains("connect=") ? timeouts : "connect=30s \(timeouts)")
            let server = upstream.endpoint.url
            text += "upstream api {\n    server \(server)\n    \(waits)\n}\n"
        }
        return text + configuration + "\n"
    }

    func connect(receiveBuffer: Int32? = nil) throws -> Client {
        try Client(address, receiveBuffer: receiveBuffer)
    }

    /// One request on a connection of its own.
    func request(
        _ method: String, _ target: String, key: Cast.Key? = nil, _ fields: [String] = [],
        body: [UInt8]? = nil
    ) throws -> Response {
        try connect().request(method, target, key: key?.secret, fields, body: body)
    }

    func get(_ target: String, key: Cast.Key? = nil, _ fields: [String] = []) throws -> Response {
        try request("GET", target, key: key, fields)
    }

    func fromAdmin(_ target: String) throws -> Response { try Client(admin).request("GET", target) }

    /// The command line against this gateway's store.
    func command(_ arguments: String...) throws -> Finished {
        try Keygate.run(arguments + ["-c", "gateway.conf"], in: directory.path)
    }

    /// Replaces the file as editors do, and asks for a reload.
    func reload(_ configuration: String, upstream: Upstream? = nil, timeouts: String = "") throws {
        // The same addresses as written: a reload must not be asked to move listeners.
        try reload(
            file: Gateway.file(configuration, upstream: upstream, timeouts: timeouts, workers: workers))
    }

    func reload(file text: String) throws {
        try directory.write(text, to: "gateway.conf.new")
        guard unsafe rename(directory.file("gateway.conf.new"), directory.file("gateway.conf")) == 0 else {
            throw SocketError.failed("rename", errno: errno)
        }
        child.signal(SIGHUP)
    }

    /// As a crash ends it.
    func kill() throws {
        isStopped = true
        child.signal(SIGKILL)
        _ = try child.waitForExit()
    }

    /// SIGTERM, then the end.
    func stop() throws -> Exit {
        child.signal(SIGTERM)
        return try end()
    }

    /// The end that was asked for before.
    func end() throws -> Exit {
        isStopped = true
        return try child.waitForExit()
    }

    /// Whether it says this on standard error, now or before long.
    func says(_ text: String) -> Bool { eventually { child.standardError.contains(text) } }

    /// Access-log lines written so far, each of which must be one JSON object.
    func accessLog() throws -> [JSONValue] {
        try directory.read("access.log").split(separator: "\n").map { line in
            guard let value = JSONValue(line) else { throw WireError.notHTTP("access log line: \(line)") }
            return value
        }
    }

    /// The one line of the exchange with this request id, once it is there.
    func accessLogLine(requestID: String) throws -> JSONValue {
        var found: [JSONValue] = []
        _ = eventually {
            found = (try? accessLog().filter { $0["requestId"]?.string == requestID }) ?? []
            return !found.isEmpty
        }
        guard found.count == 1 else { throw WireError.notHTTP("\(found.count) log lines for \(requestID)") }
        return found[0]
    }

    /// Resident memory of the process, in bytes.
    func residentBytes() throws -> Int { try memory("VmRSS:") }

    /// The most it was since `forgetPeak`.
    func peakBytes() throws -> Int { try memory("VmHWM:") }

    /// Lets the peak begin at what is resident now.
    func forgetPeak() throws { try writeFile("5", to: "/proc/\(child.pid)/clear_refs") }

    private func memory(_ name: String) throws -> Int {
        for line in try readFile("/proc/\(child.pid)/status").split(separator: "\n")
        where line.hasPrefix(name) {
            return (line.split { $0 == " " || $0 == "\t" }.compactMap { Int($0) }.first ?? 0) * 1024
        }
        return 0
    }
}
