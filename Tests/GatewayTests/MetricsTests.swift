// The page that Prometheus reads, checked line by line against its text format, and what counts into it.

import Bytes
import Glibc
import HTTP1
import Keys
import Limits
import Management
import Rules
import Testing
import Upstream

@testable import Gateway

/// A page of metrics as Prometheus would take it; records an issue for each line it would not.
private struct ParsedPage {
    var types: [String: String] = [:]
    var samples: [String: Double] = [:]
    var order: [String] = []

    init(_ page: [UInt8]) {
        let text = String(decoding: page, as: UTF8.self)
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("# ") { takeComment(line) } else { takeSample(line) }
        }
    }

    private mutating func takeComment(_ line: Substring) {
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count == 4, words[1] == "HELP" || words[1] == "TYPE" else {
            Issue.record("a comment of no known kind: \(line)")
            return
        }
        if words[1] == "TYPE" {
            #expect(["counter", "gauge", "histogram"].contains(words[3]))
            #expect(types[String(words[2])] == nil, "declared twice: \(line)")
            types[String(words[2])] = String(words[3])
        }
    }

    private mutating func takeSample(_ line: Substring) {
        guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...])
        else {
            Issue.record("not a sample: \(line)")
            return
        }
        let series = String(line[..<space])
        let name = String(series.prefix { $0 != "{" })
        #expect(name.utf8.allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "_") })
        #expect(series == name || (series.hasSuffix("\"}") && series.contains("=\"")), "labels: \(line)")
        let family = ["_bucket", "_sum", "_count"].reduce(name) { name, suffix in
            name.hasSuffix(suffix) && types[String(name.dropLast(suffix.count))] == "histogram"
                ? String(name.dropLast(suffix.count)) : name
        }
        #expect(types[family] != nil, "undeclared: \(line)")
        #expect(samples[series] == nil, "sampled twice: \(line)")
        samples[series] = value
        order.append(series)
    }
}

@Suite struct MetricsTests {
    /// A server's state over a store that goes away.
    private func withState(_ body: (ServerState) throws -> Void) throws {
        var template = Array("/tmp/keygate-metrics-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no directory under /tmp") }
        let directory = unsafe String(cString: made)
        defer {
            if let listing = unsafe opendir(directory) {
                while let entry = unsafe readdir(listing) {
                    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                    }
                    _ = unsafe unlink("\(directory)/\(name)")
                }
                _ = unsafe closedir(listing)
            }
            _ = unsafe rmdir(directory)
        }
        let store = try StoreThread(try KeyStore.open(directory)) { _ in }
        defer { store.stop() }
        let state = try ServerState(
            store: store, rateCounters: RateCounters(), log: nil, workerCount: 2, version: "1.2.3"
        ) {
            _ throws(ConfigurationError) in
            preconditionFailure("nothing is compiled here")
        }
        try body(state)
    }

    @Test func thePageIsInTheTextFormat() throws {
        try withState { state in
            let page = ParsedPage(Metrics.render(state))
            #expect(page.samples["keygate_info{version=\"1.2.3\"}"] == 1)
            #expect(page.samples["keygate_config_generation"] == 1)
            #expect(page.samples["keygate_resident_memory_bytes"] ?? 0 > 0)
            for reason in RefusalReason.allCases {
                #expect(page.samples["keygate_refusals_total{code=\"\(reason.description.code)\"}"] == 0)
            }
        }
    }

    @Test func countersOfAllLoopsAreSummed() throws {
        try withState { state in
            for (index, counters) in state.counters.enumerated() {
                counters.connectionsOpened.add(10)
                counters.allowed.add(UInt64(index + 1))
                counters.countRefusal(.missingKey)
                counters.countStatus(.unauthorized)
                counters.countStatus(.ok)
                counters.connectionsOpen.add(3)
                counters.connectionsOpen.subtract()
            }
            let page = ParsedPage(Metrics.render(state))
            #expect(page.samples["keygate_connections_total"] == 20)
            #expect(page.samples["keygate_connections_open"] == 4)
            #expect(page.samples["keygate_forwarded_total"] == 3)
            #expect(page.samples["keygate_refusals_total{code=\"MISSING_KEY\"}"] == 2)
            #expect(page.samples["keygate_responses_total{class=\"4xx\"}"] == 2)
            #expect(page.samples["keygate_responses_total{class=\"2xx\"}"] == 2)
        }
    }

    @Test func serversAreCountedByThemselvesOverAllLoops() throws {
        try withState { state in
            let configuration = try Desk.compile(
                "upstream a { server http://h:1; server \"unix:/run/a \\\"b\\\\c\" }")
            state.upstreams.adopt(configuration.upstreams)
            let record = state.upstreams.record("a", "http://h:1")
            #expect(state.upstreams.records.contains { $0 === record })
            for counts in record.counts {
                counts.requests.add(3)
                counts.inFlight.add()
            }
            record.counts[1].failures.add()
            let policy = EjectionPolicy(failureCount: 1, firstNanos: 1, longestNanos: 1)
            record.failed(atNanos: 1000, .noFirstByte, policy, isAlone: false)
            let page = ParsedPage(Metrics.render(state))
            func sample(_ name: String, _ server: String) -> Double? {
                page.samples["keygate_upstream_\(name){upstream=\"a\",server=\"\(server)\"}"]
            }
            #expect(sample("requests_total", "http://h:1") == 6)
            #expect(sample("in_flight", "http://h:1") == 2)
            #expect(sample("failures_total", "http://h:1") == 1)
            #expect(sample("up", "http://h:1") == 0 && sample("ejected", "http://h:1") == 1)
            #expect(sample("up", #"unix:/run/a \"b\\c"#) == 1)
            #expect(page.samples["keygate_upstream_queue_length{upstream=\"a\"}"] == 0)
            // Whatever stays in the configuration stays the same.
            state.upstreams.adopt(configuration.upstreams)
            #expect(state.upstreams.record("a", "http://h:1") === record)
            state.upstreams.adopt([])
            #expect(state.upstreams.records.isEmpty)
        }
    }

    @Test func aHistogramIsCumulativeAndEndsWithItsCount() throws {
        try withState { state in
            for nanos in [0, 1000, 128_000, 128_001, 129_000, 256_000, 1_000_000, 90_000_000_000] as [Int64] {
                state.counters[0].totalTime.record(nanos: nanos)
            }
            let page = ParsedPage(Metrics.render(state))
            let name = "keygate_request_duration_seconds"
            let buckets = page.order.filter { $0.hasPrefix(name + "_bucket") }.compactMap { page.samples[$0] }
            #expect(buckets.count == LatencyHistogram.bucketCount)
            #expect(buckets == buckets.sorted())
            #expect(buckets.last == 8)
            #expect(page.samples[name + "_count"] == 8)
            #expect(page.samples[name + "_bucket{le=\"0.000128\"}"] == 4, "whole microseconds are counted")
            #expect(page.samples[name + "_bucket{le=\"0.000256\"}"] == 6)
            #expect(page.samples[name + "_bucket{le=\"+Inf\"}"] == 8)
            #expect(abs((page.samples[name + "_sum"] ?? 0) - 90.001642) < 0.000002)
        }
    }

    /// The bucket of a duration is the first whose bound is not below it.
    @Test func everyDurationFallsIntoItsBucket() {
        for micros in [
            0, 1, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1 << 20, 16_777_216, 16_777_217, 33_554_432,
            1 << 40,
        ] {
            let histogram = LatencyHistogram()
            histogram.record(nanos: Int64(micros) * 1000)
            let bucket = (0..<LatencyHistogram.bucketCount).first { histogram.count($0) == 1 }
            let expected = (0..<LatencyHistogram.bucketCount).first {
                LatencyHistogram.boundMicros($0).map { micros <= $0 } ?? true
            }
            #expect(bucket == expected, "\(micros) µs")
        }
    }
}

@Suite struct RevocationProcedures {
    @Test func allOfThemExist() {
        #expect(Revocations.procedures.allSatisfy { PreparedCall.exists($0, from: .network) })
        #expect(Revocations.begin("keys.deleteKey") != nil)
        #expect(Revocations.begin("keys.verifyKey") == nil)
    }
}
