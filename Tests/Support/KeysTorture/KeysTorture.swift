// The process that the kill test kills. It opens a store, goes on from where the last one was interrupted,
// and prints the number of each transaction once it is acknowledged, and nothing sooner.
//
// Transaction n makes permission `n.read` and key `n` that holds it, sets the identity `counter` to n, and,
// for every fifth n, removes key n - 3. Whoever looks at the store afterwards can tell a missing
// transaction and half a transaction apart from a whole one.

import Glibc
import Keys

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
        let thread = try StoreThread(store) { print($0) }
        var n = last.number
        // Ends when the process is killed.
        while true {
            n += 1
            submit(n, last.api, last.counter, to: thread)
            // Leave some to be written together, but do not let them pile up.
            if n % 8 == 0 { _ = try thread.perform { (_: inout Transaction) throws(StoreError) in } }
        }
    }

    private static func submit(
        _ n: Int, _ api: Reference<APIRecord>, _ counter: Reference<IdentityRecord>, to thread: StoreThread
    ) {
        thread.submit { (transaction: inout Transaction) throws(StoreError) in
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
            case .success: acknowledge(n)
            case .failure(let failure): print("failed: \(failure)")
            }
        }
    }

    private static func acknowledge(_ n: Int) {
        let line = Array("\(n)\n".utf8)
        _ = unsafe write(1, line, line.count)
    }

    private static func number(_ meta: [UInt8]?) -> Int {
        Int(String(decoding: meta ?? [], as: UTF8.self)) ?? 0
    }
}
