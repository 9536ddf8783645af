// How long listing a page of an API's keys takes, wherever the page begins. The first list after opening puts
// the keys in order, which is a figure of its own: nobody who never lists pays for it.

import Keys

enum PageBenchmark {
    private static let pageSize = 100

    /// Pages of the first API, each beginning at the key of one of `digests`.
    static func run(_ store: KeyStore, digests: [KeyDigest]) throws {
        let keyCount = store.statistics.keyCount
        let (first, latencies) = try store.transact { (transaction) throws(StoreError) in
            guard let api = transaction.apis(limit: 1).records.first?.reference else {
                throw StoreError.notFound(.api, "")
            }
            let cursors = digests.compactMap { transaction.key(digest: $0)?.id }
            let ordering = Stopwatch()
            let count = transaction.keys(of: api, limit: pageSize).records.count
            let first = ordering.nanos
            precondition(
                count == min(pageSize, keyCount) && cursors.count == digests.count, "a key is missing")

            var latencies: [Int64] = []
            latencies.reserveCapacity(cursors.count)
            for cursor in cursors {
                let watch = Stopwatch()
                let page = transaction.keys(of: api, from: cursor, limit: pageSize)
                latencies.append(watch.nanos)
                precondition(page.records.first?.id == cursor, "a page begins at its cursor")
            }
            return (first, latencies.sorted())
        }
        print(
            "page: \(pageSize) of \(keyCount) keys at random cursors,"
                + " median \(latencies[latencies.count / 2] / 1000) us,"
                + " p99 \(latencies[latencies.count * 99 / 100] / 1000) us;"
                + " the first after opening \(first / 1_000_000) ms")
    }
}
