import Testing

/// kill -9 of the whole gateway while keys are being made: whatever was acknowledged is there afterwards.
@Suite struct Crashes {
    @Test func everyAcknowledgedKeySurvivesKillMinusNine() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        var acknowledged: [String] = []
        for round in 0..<12 {
            let gateway = try Gateway(upstream: upstream, directory: directory)
            // What earlier rounds were told is true of this start, the newest most of all.
            for key in acknowledged.suffix(30) {
                #expect(try gateway.connect().request("GET", "/any/1", key: key).status == 200)
            }
            let path = directory.path
            let made = Channel<String>()
            let stopped = Channel<Void>()
            for writer in 0..<3 {
                startThread {
                    var number = 0
                    while true {
                        let done = try? Keygate.run(
                            [
                                "key", "create", "--api", "shop", "--name", "r\(round)w\(writer)n\(number)",
                                "--json", "-c", "gateway.conf",
                            ],
                            in: path)
                        guard let done, done.succeeded, let key = JSONValue(done.output)?["key"]?.string
                        else { break }
                        made.push(key)
                        number += 1
                        if number > 40 { break }
                    }
                    stopped.push(())
                }
            }
            // Not always at the same point: after one more acknowledgement each round.
            for _ in 0..<(1 + round) { acknowledged.append(try made.next("acknowledged key")) }
            try gateway.kill()
            // A writer that finds no server opens the store itself, which is fine, and ends by its count.
            for _ in 0..<3 { try stopped.next("writer ended", milliseconds: 60_000) }
            while made.pendingCount > 0 { acknowledged.append(try made.next("acknowledged key")) }
        }
        let last = try Gateway(upstream: upstream, directory: directory)
        let client = try last.connect()
        for key in acknowledged { #expect(try client.request("GET", "/any/1", key: key).status == 200) }
        #expect(try last.command("store", "verify").succeeded)
    }

    @Test func aTornTailIsCutWithALoudLine() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        let secret: String
        do {
            let gateway = try Gateway(upstream: upstream, directory: directory)
            let done = try gateway.command("key", "create", "--api", "shop", "--json")
            secret = try #require(JSONValue(done.output)?["key"]?.string)
            try gateway.kill()
        }
        // Half a record at the end of the newest file, as a crash in the middle of a write leaves it.
        let script = "f=$(ls -t store/*journal* | head -n 1); printf '\\377\\000\\000\\000\\001' >> \"$f\""
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        let gateway = try Gateway(upstream: upstream, directory: directory)
        #expect(try gateway.connect().request("GET", "/any/1", key: secret).status == 200)
        #expect(
            eventually {
                gateway.child.standardError.contains("torn") || gateway.child.standardError.contains("cut")
            })
    }
}
