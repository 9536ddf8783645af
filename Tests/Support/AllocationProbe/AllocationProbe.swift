// Decides the same requests over and over, with a real store and real rules, and prints what one decision
// costs. Run under valgrind with N and with 2N requests, it shows that a request allocates nothing: the two
// totals are equal. `Tests/allocations.sh` does that.
//
//     AllocationProbe [--requests N]

import Access
import Bytes
import Gateway
import Glibc
import Keys
import Rules

@main
struct AllocationProbe {
    static func main() throws {
        var requestCount = 100_000
        var arguments = CommandLine.arguments.dropFirst().makeIterator()
        while let argument = arguments.next() {
            guard argument == "--requests", let value = arguments.next().flatMap({ Int($0) }) else {
                print("usage: AllocationProbe [--requests N]")
                exit(2)
            }
            requestCount = value
        }
        let directory = "/tmp/keygate-probe-\(getpid())"
        defer { remove(directory) }
        let store = try KeyStore.open(directory)
        try fill(store)
        let reader = store.makeReader()
        reader.wake()
        let path = HotPath(try compile(), reader)

        // The first rounds grow buffers to their size.
        let requests = Self.requests
        for round in 0..<1000 { decide(requests[round % requests.count], path) }
        let before = Stopwatch()
        for number in 0..<requestCount { decide(requests[number % requests.count], path) }
        print("\(requestCount) requests, \(before.nanos / max(1, requestCount)) ns of processor time each")
        reader.goIdle()
    }

    private static func decide(_ request: [UInt8], _ path: HotPath) {
        guard path.decide(request.span, nowMillis: 1_750_000_000_000) else {
            print("refused: \(String(decoding: request, as: UTF8.self))")
            exit(1)
        }
    }

    /// A route with a permission, a check, captures and tags; one of the plain kind with limits of its own; one
    /// that is public. The key and its identity have limits as well, which every keyed route charges.
    private static let configuration = """
        listen 127.0.0.1:0
        admin 127.0.0.1:0
        store ./store
        upstream api { server http://127.0.0.1:9000 }
        upstream several {
            server http://127.0.0.1:9001 weight 3
            server http://127.0.0.1:9002 max-connections 10
            server http://127.0.0.1:9003
            queue 10
            slow-start 30s
        }
        headers {
            X-Tenant-Id identity.externalId
            X-Key-Id key.id
            X-Plan identity.meta.plan
            X-Permissions key.permissions
        }
        ratelimit tokens
        route GET /health { public; to api; limit visitors 1000000000/1d by ip }
        route GET /v1/invoices/** { require invoices.read; to api }
        route GET /v1/orgs/{org}/** { require "invoices.read OR admin"; check path.org == identity.externalId; strip-prefix /v1; to several }
        route POST /v1/** { authenticated; limit burst 1000000000/1d by identity header:X-Region; to several }
        """

    private static let requests = [
        "GET /v1/invoices/2024/17?expand=lines&limit=20 HTTP/1.1\r\nHost: api.example.com\r\n"
            + "User-Agent: probe/1.0\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n"
            + "Authorization: Bearer probe_secret_key\r\nX-Tenant-Id: evil\r\nCookie: a=b; c=d\r\n\r\n",
        "GET /v1/orgs/acme/users HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer probe_secret_key\r\n\r\n",
        "POST /v1/things HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n"
            + "Content-Length: 12\r\nAuthorization: Bearer probe_secret_key\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    ].map { Array($0.utf8) }

    private static func compile() throws -> Configuration {
        try Configuration.compile(
            path: "probe.conf",
            reader: SourceReader(
                read: { _ throws(SourceError) in Array(configuration.utf8) }, glob: { _ in [] },
                environment: { _ in nil }))
    }

    private static func fill(_ store: KeyStore) throws {
        let secret = Array("probe_secret_key".utf8)
        let digest = KeyDigest(hashing: secret.span)
        try store.transact { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: "probe")
            let meta = Array("{\"seats\":3,\"plan\":\"pro\"}".utf8)
            let identity = try transaction.createIdentity(externalID: "acme", meta: meta)
            var key = KeyRecord(digest: digest, api: api.reference, start: "prob", byteLength: 16)
            key.identity = identity.reference
            func rule(_ name: String, auto: Bool) -> RateLimitRule {
                RateLimitRule(
                    name: name, limit: 1 << 40, durationMillis: 86_400_000, appliesAutomatically: auto)
            }
            key.limits = [rule("requests", auto: true), rule("tokens", auto: false)]
            try transaction.updateIdentity(identity.reference) { record in
                record.limits = [rule("requests", auto: true), rule("shared", auto: true)]
            }
            for slug in ["invoices.read", "invoices.write"] {
                key.permissions.append(try transaction.createPermission(slug: slug).reference)
            }
            _ = try transaction.createKey(key)
        }
    }

    private static func remove(_ directory: String) {
        guard let listing = unsafe opendir(directory) else { return }
        while let entry = unsafe readdir(listing) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            _ = unsafe unlink("\(directory)/\(name)")
        }
        _ = unsafe closedir(listing)
        _ = unsafe rmdir(directory)
    }
}

/// Processor time of this process since it was made: other processes do not count.
private struct Stopwatch {
    private let start = Stopwatch.now

    var nanos: Int { Stopwatch.now - start }

    private static var now: Int {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
