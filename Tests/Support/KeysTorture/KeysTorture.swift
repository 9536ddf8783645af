// The process that the kill test kills. It opens a store, goes on from where the last one was interrupted,
// and prints the number of each transaction once it is acknowledged, and nothing sooner.
//
// Transaction n makes permission `n.read` and key `n` that holds it, sets the identity `counter` to n, and,
// for every fifth n, removes key n - 3. Whoever looks at the store afterwards can tell a missing
// transaction and half a transaction apart from a whole one.
//
// A transaction that is refused because the store cannot write is asked for again until it is done. It only
// works where its predecessor has, so if what was refused came back after all, the store would be damaged.

import Glibc
import Keys
import Synchronization

@main
struct Torture {
    static func main() {
        guard CommandLine.arguments.count == 2 else {
            print("usage: KeysTorture DIRECTORY")
            exit(2)
        }
        do {
            try run(CommandLine.arguments[1])
        } catch {
            print("failed: \(error)")
            exit(1)
        }
    }

    private static func run(_ directory: String) throws {
        var options = StoreOptions()
        // Small, so that compaction is under way at many of the moments at which the process is killed.
        options.compactionThresholdBytes = 8 << 10
        let store = try KeyStore.open(directory, options)
        let last = try store.transact { (transaction) throws(StoreError) in
            let api: APIRecord
            if let found = transaction.apis(named: "torture").first {
                api = found
            } else {
                api = try transaction.createAPI(name: "torture")
            }
            let counter = try transaction.findOrCreateIdentity(externalID: "counter")
            return (api: api.reference, counter: counter.reference, number: number(counter.meta))
        }
        let turns = Turns()
        let thread = try StoreThread(store, log: { say($0) }, onWritable: { if $0 { turns.note() } })
        var n = last.number
        // Ends when the process is killed.
        while true {
            let refused = Refused()
            // Some are written together, but they do not pile up.
            for _ in 0..<8 {
                n += 1
                submit(n, last.api, last.counter, to: thread, refused)
            }
            wait(for: thread)
            for number in refused.numbers.sorted() {
                let again = Refused()
                repeat {
                    _ = again.take()
                    submit(number, last.api, last.counter, to: thread, again)
                    wait(for: thread)
                    if again.numbers.isEmpty { break }
                    turns.wait()
                } while true
            }
        }
    }

    /// Returns when everything submitted before was answered, one way or the other.
    private static func wait(for thread: StoreThread) {
        try? thread.perform { (_: inout Transaction) throws(StoreError) in }
    }

    /// Moments at which the store takes changes again. A moment that nobody waited for is not lost.
    private final class Turns: Sendable {
        private let ends: (reading: Int32, writing: Int32)

        init() {
            var pair: [Int32] = [-1, -1]
            let failed = unsafe pipe(&pair)
            precondition(failed == 0, "no pipe")
            ends = (pair[0], pair[1])
        }

        func note() {
            var byte: UInt8 = 1
            _ = unsafe write(ends.writing, &byte, 1)
        }

        /// A second at most: what was refused need not be the disk's fault.
        func wait() {
            var wanted = pollfd(fd: ends.reading, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&wanted, 1, 1000) > 0 else { return }
            var byte: UInt8 = 0
            _ = unsafe read(ends.reading, &byte, 1)
        }
    }

    /// Numbers of transactions that have to be asked for again.
    private final class Refused: Sendable {
        private let waiting = Mutex<[Int]>([])
        var numbers: [Int] { waiting.withLock { $0 } }
        func add(_ number: Int) { waiting.withLock { $0.append(number) } }
        func take() -> [Int] {
            waiting.withLock { numbers in
                defer { numbers = [] }
                return numbers
            }
        }
    }

    private static func submit(
        _ n: Int, _ api: Reference<APIRecord>, _ counter: Reference<IdentityRecord>, to thread: StoreThread,
        _ refused: Refused
    ) {
        thread.submit { (transaction: inout Transaction) throws(StoreError) in
            guard number(transaction.identity(counter)?.meta) == n - 1 else {
                throw .invalid("its predecessor is missing")
            }
            let permission = try transaction.createPermission(slug: "\(n).read")
            let text = Array("key \(n)".utf8)
            var key = KeyRecord(id: "key_\(n)", digest: KeyDigest(hashing: text.span), api: api)
            key.permissions = [permission.reference]
            _ = try transaction.createKey(key)
            if n % 5 == 0, let old = transaction.key(id: "key_\(n - 3)") {
                try transaction.deleteKey(old.reference, .permanent)
            }
            try transaction.updateIdentity(counter) { $0.meta = Array("\(n)".utf8) }
        } completion: { result in
            switch result {
            case .success: say("\(n)")
            case .failure(.unavailable), .failure(.refused(.invalid)): refused.add(n)
            case .failure(let failure): say("failed: \(failure)")
            }
        }
    }

    private static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = unsafe write(1, line, line.count)
    }

    private static func number(_ meta: [UInt8]?) -> Int {
        Int(String(decoding: meta ?? [], as: UTF8.self)) ?? 0
    }
}
