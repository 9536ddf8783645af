import Glibc

/// The callers every test may count on: one store made once per test run through the command line,
/// then copied under each gateway (a store is a directory, and only its owner locks it).
///
/// API `shop` has all keys but `foreign`, which belongs to API `depot`.
struct Cast: Sendable {
    /// Identity `acme` (plan pro, region eu), role `reader`, which grants `things.read`.
    let reader: Key
    /// Identity `acme`, permissions `things.read` and `things.write`.
    let writer: Key
    /// Identity `globex` (plan free), permission `things.read`.
    let free: Key
    /// No identity, no permission.
    let bare: Key
    /// Both like `writer`, but switched off, and expired in 2020.
    let disabled: Key
    let expired: Key
    let foreign: Key

    struct Key: Sendable {
        let id: String
        let secret: String
    }

    /// Looks like a key, and is none.
    let unissued = Key(id: "key_none", secret: "3mJr7AoUXx2Wqd5kPzTn9a")

    /// A member of the cast by name, for tables.
    enum Who: Sendable { case reader, writer, free, bare, disabled, expired, foreign, unissued }

    subscript(who: Who) -> Key {
        switch who {
        case .reader: reader
        case .writer: writer
        case .free: free
        case .bare: bare
        case .disabled: disabled
        case .expired: expired
        case .foreign: foreign
        case .unissued: unissued
        }
    }

    var all: [Key] { [reader, writer, free, bare, disabled, expired, foreign] }

    /// The store and its directory, made at first use.
    static let shared: Result<(cast: Cast, directory: Directory), CastError> = {
        do { return .success(try make()) } catch { return .failure(CastError(reason: "\(error)")) }
    }()

    struct CastError: Error { let reason: String }

    private static func make() throws -> (cast: Cast, directory: Directory) {
        let directory = try Directory()
        // A static is never released, so its directory would stay.
        atexit {
            if case .success(let made) = Cast.shared { made.directory.remove() }
        }
        let store = directory.file("store")
        func create(_ arguments: String...) throws -> JSONValue {
            let done = try Keygate.run(arguments + ["--store", store, "--json"], in: directory.path)
            guard done.succeeded, let json = JSONValue(done.output) else {
                throw CastError(
                    reason: "keygate \(arguments.joined(separator: " ")): \(done.output)\(done.errors)")
            }
            return json
        }
        func key(_ arguments: String...) throws -> Key {
            let done = try Keygate.run(
                ["key", "create"] + arguments + ["--store", store, "--json"], in: directory.path)
            guard done.succeeded, let json = JSONValue(done.output), let id = json["keyId"]?.string,
                let secret = json["key"]?.string
            else { throw CastError(reason: "keygate key create \(arguments): \(done.output)\(done.errors)") }
            return Key(id: id, secret: secret)
        }
        _ = try create("api", "create", "shop")
        _ = try create("api", "create", "depot")
        _ = try create("identity", "create", "acme", "--meta", #"{"plan":"pro","region":"eu","seats":12}"#)
        _ = try create("identity", "create", "globex", "--meta", #"{"plan":"free"}"#)
        _ = try create("role", "create", "reader", "--permission", "things.read")
        let both = ["--permission", "things.read", "--permission", "things.write"]
        let cast = Cast(
            reader: try key("--api", "shop", "--name", "reading", "--identity", "acme", "--role", "reader"),
            writer: try key("--api", "shop", "--identity", "acme", both[0], both[1], both[2], both[3]),
            free: try key("--api", "shop", "--identity", "globex", both[0], both[1]),
            bare: try key("--api", "shop"),
            disabled: try key("--api", "shop", "--identity", "acme", both[0], both[1], "--disabled"),
            expired: try key(
                "--api", "shop", "--identity", "acme", both[0], both[1], "--expires", "2020-01-01T00:00:00Z"),
            foreign: try key("--api", "depot", both[0], both[1]))
        return (cast, directory)
    }
}
