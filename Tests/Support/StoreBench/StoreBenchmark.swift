// Measures what the store promises: how long a million keys and a hundred thousand identities take to open,
// how much memory they take, what finding one costs, verifying one, and listing a page of them. One line per
// figure; run it in release.
//
//     store-bench [--keys N] [--directory DIR]
//
// Without a directory it makes one under /tmp and removes it. Each store is measured in a process of its
// own, which is this program again with `--open STORE`; look-ups with cold caches in one process for all,
// with `--cold STORE --cold STORE …`.

import Access
import Bytes
import Glibc
import Keys
import Reactor

@main
struct StoreBenchmark {
    static func main() {
        var keyCount = 1_000_000
        var directory: String?
        var openOnly: String?
        var cold: [String] = []
        var arguments = CommandLine.arguments.dropFirst().makeIterator()
        while let argument = arguments.next() {
            switch (argument, arguments.next()) {
            case ("--keys", let value?): keyCount = Int(value) ?? keyCount
            case ("--directory", let value?): directory = value
            case ("--open", let value?): openOnly = value
            case ("--cold", let value?): cold.append(value)
            default:
                print("usage: store-bench [--keys N] [--directory DIR]")
                exit(2)
            }
        }
        do {
            if let openOnly {
                try measureOpen(openOnly)
            } else if !cold.isEmpty {
                try ColdLookUpBenchmark.run(cold)
            } else {
                try run(keyCount: keyCount, directory: directory)
            }
        } catch {
            print("failed: \(error)")
            exit(1)
        }
    }

    private static func run(keyCount: Int, directory: String?) throws {
        let parent = directory ?? "/tmp/store-bench-\(getpid())"
        unsafe mkdir(parent, 0o700)
        let sizes = [1000, 100_000, keyCount].filter { $0 <= keyCount }
        for size in sizes { try measure(size: size, directory: parent + "/store-\(size)") }
        try runSelf(sizes.flatMap { ["--cold", parent + "/store-\($0)"] })
        try VerificationBenchmark.run(
            keyCount: min(keyCount, 100_000), directory: parent + "/store-verification")
        if directory == nil { remove(parent) }
    }

    private static func measure(size: Int, directory: String) throws {
        let identityCount = max(1, size / 10)
        let create = Stopwatch()
        do {
            let store = try KeyStore.open(directory)
            try fill(store, keyCount: size, identityCount: identityCount)
            let created = create.seconds
            try store.compact()
            if size >= 1_000_000 {
                print(
                    "create: \(size) keys in \(decimals(created)) s,"
                        + " compact in \(decimals(create.seconds - created)) s"
                )
            }
        }
        // In a process of its own: memory that the filling gave back to the allocator would otherwise hide
        // some of what an open store takes.
        _ = fflush(nil)
        try runSelf(["--open", directory])
    }

    private static func measureOpen(_ directory: String) throws {
        let watch = Stopwatch()
        let store = try KeyStore.open(directory)
        let opened = watch.seconds
        let statistics = store.statistics
        var random = Shuffler()
        let resident = ProcessLimits.residentBytes()
        print(
            "open: \(statistics.keyCount) keys and \(statistics.identityCount) identities"
                + " in \(decimals(opened)) s,"
                + " resident \(resident >> 20) MiB, \(resident / statistics.keyCount) bytes a key"
                + " of which packed records \(statistics.recordByteCount / statistics.keyCount)")
        measureLookUp(store, keyCount: statistics.keyCount)
        try PageBenchmark.run(
            store, digests: (0..<2000).map { _ in digest(random.below(statistics.keyCount)) })
    }

    private static func runSelf(_ arguments: [String]) throws {
        var process = pid_t()
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe (["store-bench"] + arguments).map {
            unsafe strdup($0)
        }
        unsafe pointers.append(nil)
        let failed = unsafe posix_spawn(&process, "/proc/self/exe", nil, nil, &pointers, environ)
        for index in unsafe pointers.indices { unsafe free(pointers[index]) }
        guard failed == 0 else { throw Errno(code: failed) }
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        if status != 0 { throw Errno(code: ECHILD) }
    }

    private static func fill(_ store: KeyStore, keyCount: Int, identityCount: Int) throws {
        var references: [Reference<IdentityRecord>] = []
        let (api, permissions, role) = try store.transact { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: "benchmark")
            var permissions: [Reference<PermissionRecord>] = []
            for number in 0..<8 {
                permissions.append(try transaction.createPermission(slug: "resource\(number).read").reference)
            }
            let role = try transaction.createRole(name: "reader", permissions: permissions).reference
            return (api.reference, Array(permissions.prefix(2)), role)
        }
        for start in stride(from: 0, to: identityCount, by: 10_000) {
            let some = try store.transact { (transaction) throws(StoreError) in
                var some: [Reference<IdentityRecord>] = []
                for number in start..<min(identityCount, start + 10_000) {
                    some.append(
                        try transaction.createIdentity(
                            externalID: "customer-\(number)", meta: Array(#"{"plan":"pro","seats":12}"#.utf8)
                        ).reference)
                }
                return some
            }
            references += some
        }
        for start in stride(from: 0, to: keyCount, by: 10_000) {
            let keys = (start..<min(keyCount, start + 10_000)).map { number in
                var key = KeyRecord(
                    digest: digest(number), api: api, start: "live_3kTz", prefix: "live", byteLength: 16)
                key.name = "key number \(number)"
                key.identity = references[number % references.count]
                key.meta = Array(#"{"environment":"production"}"#.utf8)
                key.permissions = permissions
                key.roles = [role]
                return key
            }
            _ = try store.transact { (transaction) throws(StoreError) in try transaction.importKeys(keys) }
        }
    }

    private static func text(_ number: Int) -> [UInt8] { Array("live_4Tq7cZ9vWm2Xb1KpRs5Yd\(number)".utf8) }

    static func digest(_ number: Int) -> KeyDigest {
        let text = text(number)
        return KeyDigest(hashing: text.span)
    }

    /// Keys in random order, each look-up depending on the one before so that they cannot overlap. The
    /// digests to look for lie one after another, so that fetching those costs nothing.
    private static func measureLookUp(_ store: KeyStore, keyCount: Int) {
        var random = Shuffler()
        let numbers = (0..<500_000).map { _ in random.below(keyCount) }
        let digests = numbers.map { digest($0) }
        let reader = store.makeReader()
        var index = 0
        var missing = 0
        let watch = Stopwatch()
        while index < digests.count {
            if let key = reader.find(digests[index]) {
                index += 1 + Int(key.reference.number >> 31)
            } else {
                missing += 1
                index += 1
            }
        }
        let bare = Int(watch.seconds * 1e9) / numbers.count
        measurePermission(reader, digests[0])
        let hashing = Stopwatch()
        var checksum: UInt64 = 0
        let text = text(0)
        for _ in numbers.indices { checksum ^= KeyDigest(hashing: text.span).hashValue == 0 ? 1 : 0 }
        precondition(missing == 0 && checksum == 0, "a key was not found")
        let hashed = Int(hashing.seconds * 1e9) / numbers.count
        print(
            "look-up: \(keyCount) keys, \(bare) ns one after another;"
                + " hashing a key's text \(hashed) ns")
    }

    /// A permission that only the key's role grants: the longest way.
    private static func measurePermission(_ reader: StoreReader, _ digest: KeyDigest) {
        let name = PermissionName("resource7.read".utf8.span)
        guard let key = reader.find(digest) else { return }
        let rounds = 1_000_000
        var held = 0
        let watch = Stopwatch()
        for _ in 0..<rounds { held += key.holds(name) ? 1 : 0 }
        print("permission: \(Int(watch.seconds * 1e9) / rounds) ns, held \(held == rounds)")
    }

    private static func remove(_ directory: String) {
        guard let listing = unsafe opendir(directory) else { return }
        while let entry = unsafe readdir(listing) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
                unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            let path = directory + "/" + name
            if unsafe unlink(path) != 0 { remove(path) }
        }
        unsafe closedir(listing)
        unsafe rmdir(directory)
    }
}
