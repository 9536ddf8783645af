// `keygate explain`: why a request would be let through or not.

import Access
import Bytes
import Gateway
import JSON
import Keys
import Reactor
import Rules

enum ExplainCommand {
    static let commands = [
        Command(
            "explain", "METHOD", "URL",
            summary:
                "Shows step by step whether a request would be let through, and what the backend would get. "
                + "Changes nothing. Exit 0 if it would be forwarded, or is a preflight that gets leave; 1 if not.",
            options: [
                ConfigurationFile.option,
                .value("--store", as: "DIR", "look for keys in this store instead"),
                .value("--key", as: "KEY", "the key that the request carries"),
                .value("--key-id", as: "ID", "a key by its id, when its text is not at hand"),
                .flag("--no-key", "the request carries no key (the default)"),
                .values("--header", "-H", as: "'NAME: VALUE'", "a header of the request"),
                .value("--ip", as: "ADDRESS", "where the request comes from; default 127.0.0.1"),
            ], run: run)
    ]

    @Sendable private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let configuration = try ConfigurationFile.load(arguments)
        let choices = ["--key", "--key-id"].filter { arguments.value($0) != nil }
        if choices.count + (arguments.has("--no-key") ? 1 : 0) > 1 {
            throw .usage("--key, --key-id and --no-key contradict each other")
        }
        let ip = arguments.value("--ip") ?? "127.0.0.1"
        guard let address = IPAddress(parsing: Array(ip.utf8).span) else {
            throw .usage("\(ip) is not an IP address")
        }
        var headers: [(name: String, value: String)] = []
        for text in arguments.all("--header") {
            guard let colon = text.firstIndex(of: ":") else {
                throw .usage("\(text) is not a header: NAME: VALUE")
            }
            let value = text[text.index(after: colon)...].drop { $0 == " " }
            headers.append((String(text[..<colon]), String(value)))
        }
        var request = ExplainedRequest(
            method: arguments.required(0), url: arguments.required(1), headers: headers, credential: .none,
            address: address)
        if let key = arguments.value("--key") { request.credential = .key(Array(key.utf8)) }

        let directory = arguments.value("--store") ?? configuration.settings.storePath
        if let server = try ControlClient(storeDirectory: directory) {
            return try ask(server, request, configuration, keyID: arguments.value("--key-id"), ip: ip)
        }
        return try decide(request, configuration, keyID: arguments.value("--key-id"), directory: directory)
    }

    /// The server has the store open, so it decides.
    private static func ask(
        _ server: ControlClient, _ request: ExplainedRequest, _ configuration: Configuration, keyID: String?,
        ip: String
    ) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("config", .string(try WorkingDirectory.absolute(configuration.path)))
        body.append("method", .string(request.method))
        body.append("url", .string(request.url))
        body.append("headers", .array(request.headers.map { .array([.string($0.name), .string($0.value)]) }))
        if case .key(let key) = request.credential {
            body.append("key", .string(String(decoding: key, as: UTF8.self)))
        }
        if let keyID { body.append("keyId", .string(keyID)) }
        body.append("ip", .string(ip))
        let answer = try server.send("/control/explain", body: .object(body))
        guard answer.status == 200, let text = answer.body.object?["text"]?.text else {
            let detail = answer.body.object?["error"]?.object?["detail"]?.text
            throw .failed(detail ?? "the server answered \(answer.status)")
        }
        Console.print(String(text.dropLast()))
        return answer.body.object?["allowed"]?.bool == true ? .done : .failed
    }

    private static func decide(
        _ request: ExplainedRequest, _ configuration: Configuration, keyID: String?, directory: String
    ) throws(CommandFailure) -> ExitCode {
        try StoreOwner.requireStore(directory)
        let open = try OpenStore(directory: directory)
        var request = request
        if let keyID {
            guard let digest = digest(ofKey: keyID, open) else { throw .failed("there is no key \(keyID)") }
            request.credential = .digest(digest)
        }
        let reader = open.store.makeReader()
        reader.wake()
        let explanation = Explanation.make(
            request, configuration, reader, open.counters, nowMillis: Clock.realtimeNanos() / 1_000_000)
        reader.goIdle()
        Console.print(String(explanation.text.dropLast()))
        return explanation.isAllowed ? .done : .failed
    }

    private static func digest(ofKey id: String, _ open: OpenStore) -> KeyDigest? {
        let found = try? open.store.transact { (store) throws(StoreError) in store.key(id: id)?.digest }
        return found ?? nil
    }
}
