import Glibc
import Synchronization
import Testing

/// Revocation is immediate: keys lose something one after the other while clients on every event loop keep using
/// them, and no request that was sent after the answer to the revoking call is let through.
@Suite(.serialized) struct ImmediateRevocation {
    private static let loops = 4
    private static let clients = 8
    private static let revocations = 200

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What is made before: calls with N for the number of the key.
        var before: [(procedure: String, body: String)] = []
        /// Members of the key.
        let key: String
        var target = "/things/x"
        /// The call, with N as well and KEY for the key's id.
        let call: (procedure: String, body: String)
    }

    static let cases = [
        Case(
            testDescription: "deleting a key", key: #""permissions":["things.read"]"#,
            call: ("keys.deleteKey", #"{"keyId":"KEY"}"#)),
        Case(
            testDescription: "disabling a key", key: #""permissions":["things.read"]"#,
            call: ("keys.updateKey", #"{"keyId":"KEY","enabled":false}"#)),
        Case(
            testDescription: "taking a permission from a key", key: #""permissions":["things.read"]"#,
            call: ("keys.removePermissions", #"{"keyId":"KEY","permissions":["things.read"]}"#)),
        Case(
            testDescription: "taking a role from a key", key: #""roles":["reader"]"#,
            call: ("keys.setRoles", #"{"keyId":"KEY","roles":[]}"#)),
        Case(
            testDescription: "taking a permission from a role",
            before: [("permissions.createRole", #"{"name":"role-N","permissions":["things.read"]}"#)],
            key: #""roles":["role-N"]"#,
            call: ("permissions.setRolePermissions", #"{"role":"role-N","permissions":[]}"#)),
        Case(
            testDescription: "deleting a role",
            before: [("permissions.createRole", #"{"name":"role-N","permissions":["things.read"]}"#)],
            key: #""roles":["role-N"]"#, call: ("permissions.deleteRole", #"{"role":"role-N"}"#)),
        Case(
            testDescription: "deleting an identity",
            before: [("identities.createIdentity", #"{"externalId":"tenant-N"}"#)],
            key: #""externalId":"tenant-N""#, target: "/own/tenant-N/x",
            call: ("identities.deleteIdentity", #"{"identity":"tenant-N"}"#)),
    ]

    private static func filled(_ text: String, _ number: Int, key: String = "") -> String {
        text.split(separator: "KEY", omittingEmptySubsequences: false).joined(separator: key)
            .split(separator: "-N", omittingEmptySubsequences: false).joined(separator: "-\(number)")
    }

    /// What clients and the revoker tell each other.
    private final class Progress: Sendable {
        /// Revocations whose answer has arrived.
        let answered = Atomic(0)
        /// How often each client has got a 200 from the key that is next.
        let used = Mutex([Int](repeating: 0, count: ImmediateRevocation.clients))
        let isSpread = Atomic(false)
        let hasFailed = Atomic(false)

        func waitUntil(_ holds: () -> Bool) throws {
            guard eventually(within: 240_000, { holds() || hasFailed.load(ordering: .relaxed) }),
                !hasFailed.load(ordering: .relaxed)
            else {
                hasFailed.store(true, ordering: .relaxed)
                throw SocketError.timedOut("the other side")
            }
        }
    }

    private struct Tally: Sendable {
        var sentAfterwards = 0
        var violations = 0
        var wronglyRefused = 0
    }

    @Test(arguments: cases) func governsEveryRequestSentAfterwards(_ test: Case) throws {
        let gateway = try Gateway(
            """
            route GET /things/**    { require things.read }
            route GET /own/{org}/** { authenticated; check path.org == identity.externalId }
            """, upstream: try Upstream(), workers: Self.loops)
        let revoker = try ManagementClient(gateway.admin, rootKey: gateway.makeRootKey())
        let api = try revoker.text("apiId", "apis.createApi", #"{"name":"revoked"}"#)
        let keys = try (0..<Self.revocations).map { number in
            for call in test.before { _ = try revoker.call(call.procedure, Self.filled(call.body, number)) }
            let made = try revoker.data(
                "keys.createKey", #"{"apiId":"\#(api)",\#(Self.filled(test.key, number))}"#)
            return Cast.Key(id: made["keyId"]?.string ?? "", secret: made["key"]?.string ?? "")
        }

        let progress = Progress()
        let tallies = Channel<Result<Tally, any Error>>()
        let address = gateway.address
        for client in 0..<Self.clients {
            startThread {
                tallies.push(Result { try Self.use(keys, test, address, client, progress) })
            }
        }
        do {
            try progress.waitUntil {
                let page = (try? gateway.fromAdmin("/metrics").text) ?? ""
                return (0..<Self.loops).allSatisfy { loop in
                    page.split(separator: "\n").contains {
                        // The connection that asks is the first loop's.
                        $0.hasPrefix("keygate_loop_connections{loop=\"\(loop)\"} ")
                            && (Int($0.split(separator: " ")[1]) ?? 0) > (loop == 0 ? 3 : 1)
                    }
                }
            }
            progress.isSpread.store(true, ordering: .sequentiallyConsistent)
            for (number, key) in keys.enumerated() {
                try progress.waitUntil { progress.used.withLock { $0.allSatisfy { $0 > number } } }
                let answer = try revoker.call(
                    test.call.procedure, Self.filled(test.call.body, number, key: key.id))
                #expect(answer.status == 200)
                progress.answered.store(number + 1, ordering: .sequentiallyConsistent)
            }
        } catch {
            progress.hasFailed.store(true, ordering: .relaxed)
            throw error
        }
        var sum = Tally()
        for _ in 0..<Self.clients {
            let tally = try tallies.next("a client", milliseconds: 240_000).get()
            sum.sentAfterwards += tally.sentAfterwards
            sum.violations += tally.violations
            sum.wronglyRefused += tally.wronglyRefused
        }
        #expect(sum.violations == 0, "of \(sum.sentAfterwards) requests sent afterwards")
        #expect(sum.wronglyRefused == 0)
        #expect(sum.sentAfterwards >= Self.revocations * Self.clients * 2)

        let page = try gateway.fromAdmin("/metrics").text
        #expect(page.contains("\nkeygate_revocation_seconds_count \(Self.revocations)\n"))
        #expect(page.contains("\nkeygate_revocation_seconds_bucket{le=\"+Inf\"} \(Self.revocations)\n"))
    }

    /// One client: asks with each key in turn until it is revoked, and then once more on each of its connections.
    private static func use(
        _ keys: [Cast.Key], _ test: Case, _ address: Endpoint, _ number: Int, _ progress: Progress
    ) throws -> Tally {
        var tally = Tally()
        var connections: [Client] = []
        func ask(_ connection: Client, _ index: Int) throws -> Int {
            try connection.request("GET", filled(test.target, index), key: keys[index].secret).status
        }
        // Until all loops have some of the connections: which loop takes one is the kernel's choice, so there are
        // new ones until it has chosen all of them.
        while !progress.isSpread.load(ordering: .sequentiallyConsistent) || connections.count < 2 {
            if progress.hasFailed.load(ordering: .relaxed) { throw SocketError.timedOut("the revoker") }
            if connections.count == 12 { connections.removeFirst() }
            connections.append(try Client(address))
            _ = try ask(connections[connections.count - 1], 0)
        }
        for index in keys.indices {
            var turn = 0
            var askedAfterwards = 0
            while askedAfterwards < connections.count {
                if progress.hasFailed.load(ordering: .relaxed) { throw SocketError.timedOut("the revoker") }
                let isRevoked = progress.answered.load(ordering: .sequentiallyConsistent) > index
                let status = try ask(connections[turn % connections.count], index)
                turn += 1
                if isRevoked {
                    askedAfterwards += 1
                    tally.sentAfterwards += 1
                    if status == 200 { tally.violations += 1 }
                } else if status == 200 {
                    progress.used.withLock { $0[number] = index + 1 }
                } else if progress.used.withLock({ $0[number] <= index }) {
                    // Nobody revokes it before everybody has used it.
                    tally.wronglyRefused += 1
                }
            }
        }
        return tally
    }
}
