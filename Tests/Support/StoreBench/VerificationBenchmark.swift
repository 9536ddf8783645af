// What one verification costs from the key's text to the credits it spends, in the process and without a
// network: hashing, look-up, a permission query, two rate limits and a lease. Every key is asked as often as
// every other, in an order that no cache can guess.

import Access
import Bytes
import Keys
import Limits
import Reactor
import Verification

enum VerificationBenchmark {
    /// Each key is verified so many times. Below the smallest lease, so that none is used up.
    private static let rounds = 5

    static func run(keyCount: Int, directory: String) throws {
        let texts = (0..<keyCount).map { "live_8Hn2bV6yQd3Wf9LsTz7Re\($0 + 10_000_000)" }
        let store = try KeyStore.open(directory)
        try fill(store, texts)
        let nanos = try verify(store, texts)
        print(
            "verify: \(keyCount) keys, \(nanos) ns"
                + " with SHA-256, a permission query, two rate limits and leased credits")
    }

    private static func digest(_ text: String) -> KeyDigest {
        let bytes = Array(text.utf8)
        return KeyDigest(hashing: bytes.span)
    }

    /// Keys with two limits each, that nothing here exhausts, and credits, some of which are leased.
    private static func fill(_ store: KeyStore, _ texts: [String]) throws {
        let (api, role) = try store.transact { (transaction) throws(StoreError) in
            let permission = try transaction.createPermission(slug: "documents.read").reference
            let role = try transaction.createRole(name: "reader", permissions: [permission]).reference
            return (try transaction.createAPI(name: "verification").reference, role)
        }
        for start in stride(from: 0, to: texts.count, by: 10_000) {
            let keys = texts[start..<min(texts.count, start + 10_000)].map { text in
                var key = KeyRecord(
                    digest: digest(text), api: api, start: "live_8Hn2", prefix: "live", byteLength: 16)
                key.roles = [role]
                key.limits = [("requests", 60_000), ("daily", 86_400_000)].map { name, durationMillis in
                    RateLimitRule(
                        name: name, limit: 1_000_000, durationMillis: durationMillis,
                        appliesAutomatically: true)
                }
                key.credits = Credits(remaining: 1_000_000)
                return key
            }
            try store.transact { (transaction) throws(StoreError) in
                for key in try transaction.importKeys(keys) {
                    guard let reference = key?.reference else { continue }
                    _ = try transaction.spendCredits(of: reference, cost: 1, .lease(maximum: 1000))
                }
            }
        }
    }

    /// Nanoseconds per verification, the reading of the clock included. The texts lie one after another in the
    /// order they are asked in, as they would have just been received.
    private static func verify(_ store: KeyStore, _ texts: [String]) throws -> Int64 {
        var random = Shuffler()
        let order = (0..<rounds).flatMap { _ in texts.shuffled(using: &random) }
        let bytes = order.flatMap(\.utf8)
        let length = bytes.count / order.count

        let request = VerificationRequest(
            permissions: try PermissionQuery(parsing: "documents.write OR documents.read".utf8.span))
        let reader = store.makeReader()
        let counters = RateCounters()
        var charges = LimitCharges()
        var passed = 0
        let watch = Stopwatch()
        for start in stride(from: 0, to: bytes.count, by: length) {
            let now = LimitClock.Readings.ofThisMachine()
            guard let key = reader.find(KeyDigest(hashing: bytes.span.extracting(start..<start + length)))
            else {
                continue
            }
            let verdict = Verification.decide(
                key, request, counters, charges: &charges, nowMillis: now.unixNanos / 1_000_000,
                at: counters.clock.time(now))
            if verdict == .passed, charges.count == 2, case .spent? = key.spend(1, .lease(maximum: 1000)) {
                passed += 1
            }
            reader.quiesce()
        }
        let nanos = watch.nanos / Int64(order.count)
        precondition(passed == order.count, "a key was refused")
        return nanos
    }
}
