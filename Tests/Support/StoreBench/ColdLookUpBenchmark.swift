// What a look-up costs whose predecessors are long ago: before each, other memory is walked, more than any cache
// holds. So a store that would fit into the cache gains nothing by it, and what is left is what the look-up does.
// The stores take turns, one look-up each, so that whatever else the machine does meets all of them alike.

import Keys

/// The median of one store after another, and how far they are apart.
enum ColdLookUpBenchmark {
    private static let roundCount = 400

    static func run(_ directories: [String]) throws {
        let stores = try directories.map { try KeyStore.open($0) }
        let keyCounts = stores.map { $0.statistics.keyCount }
        let readers = stores.map { $0.makeReader() }
        let other = [UInt64](repeating: 1, count: 16 << 20)
        var nanos = [[Int64]](repeating: [], count: stores.count)
        var random = Shuffler()
        var sum: UInt64 = 0
        for _ in 0..<roundCount {
            for index in stores.indices {
                let digest = StoreBenchmark.digest(random.below(keyCounts[index]))
                for word in stride(from: 0, to: other.count, by: 8) { sum &+= other[word] }
                let watch = Stopwatch()
                guard let key = readers[index].find(digest), key.reference.number > 0 else {
                    preconditionFailure("a key was not found")
                }
                nanos[index].append(watch.nanos)
            }
        }
        precondition(
            sum == UInt64(roundCount * stores.count * other.count / 8), "the other memory was walked")
        let medians = nanos.map { Int($0.sorted()[roundCount / 2]) }
        for (index, median) in medians.enumerated() {
            print("look-up with cold caches: \(keyCounts[index]) keys, \(median) ns")
        }
        guard let fastest = medians.min(), let slowest = medians.max() else { return }
        print("the slowest of them took \(decimals(Double(slowest) / Double(fastest))) times the fastest")
    }
}
