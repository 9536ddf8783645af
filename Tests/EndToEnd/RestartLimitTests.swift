import Glibc
import Testing

/// Windows of rate limits and restarts: a clean stop carries them over, a crash empties them, and what an earlier stop
/// left is never taken for the present.
@Suite struct RestartLimits {
    private static let year = 365 * 24 * 60 * 60 * 1000
    private static let configuration = """
        route GET /route/** { authenticated; limit burst 3/365d by key }
        route GET /key/**   { authenticated }
        """

    private func start(_ directory: Directory?, _ upstream: Upstream) throws -> Gateway {
        try Gateway(Self.configuration, upstream: upstream, workers: 2, directory: directory)
    }

    /// What is left after one more request, or its status if it was refused.
    private func left(_ gateway: Gateway, _ path: String, _ key: Cast.Key) throws -> String {
        let answer = try gateway.get(path, key: key)
        return answer.status == 200 ? answer.fields["x-ratelimit-remaining"] ?? "none" : "\(answer.status)"
    }

    @Test func everyKindOfWindowGoesOnAfterACleanStop() throws {
        let upstream = try Upstream()
        var gateway = try start(nil, upstream)
        let cast = gateway.cast
        let rootKey = try gateway.makeRootKey()
        var client = try ManagementClient(gateway.admin, rootKey: rootKey)
        _ = try client.data(
            "identities.updateIdentity",
            #"{"identity":"acme","ratelimits":[{"name":"shared","limit":6,"duration":\#(Self.year),"autoApply":true}]}"#
        )
        let limit =
            #"{"namespace":"mail","identifier":"someone","limit":4,"duration":2592000000,"cost":3}"#
        let verify = #"{"key":"\#(cast.writer.secret)"}"#
        #expect(try left(gateway, "/key/x", cast.reader) == "5")
        #expect(try client.text("code", "keys.verifyKey", verify) == "VALID")
        #expect(try left(gateway, "/route/x", cast.bare) == "2")
        let counted = try client.data("ratelimit.limit", limit)
        #expect(counted["remaining"]?.number == 1)
        #expect(try gateway.stop() == .code(0))

        for round in 0..<2 {
            gateway = try start(gateway.directory, upstream)
            client = try ManagementClient(gateway.admin, rootKey: rootKey)
            #expect(try left(gateway, "/key/x", cast.writer) == "\(3 - 2 * round)")
            #expect(try client.text("code", "keys.verifyKey", verify) == "VALID")
            #expect(try left(gateway, "/route/x", cast.bare) == "\(1 - round)")
            let again = try client.data("ratelimit.limit", limit)
            #expect(again["success"]?.bool == false)
            #expect(again["reset"]?.number == counted["reset"]?.number)
            #expect(try gateway.stop() == .code(0))
        }
        gateway = try start(gateway.directory, upstream)
        #expect(try left(gateway, "/key/x", cast.reader) == "429")
        #expect(try left(gateway, "/route/x", cast.bare) == "429")
        #expect(try left(gateway, "/route/x", cast.free) == "2", "another key has a window of its own")
        #expect(!gateway.child.standardError.contains("rate limits"), "\(gateway.child.standardError)")
    }

    @Test func afterACrashNothingOfAnEarlierStopComesBack() throws {
        let upstream = try Upstream()
        var gateway = try start(nil, upstream)
        let bare = gateway.cast.bare
        for remaining in ["2", "1", "0", "429"] { #expect(try left(gateway, "/route/x", bare) == remaining) }
        #expect(try gateway.stop() == .code(0))
        gateway = try start(gateway.directory, upstream)
        #expect(try left(gateway, "/route/x", bare) == "429")
        try gateway.kill()
        gateway = try start(gateway.directory, upstream)
        #expect(try left(gateway, "/route/x", bare) == "2")
        // Nor before it has served anything.
        #expect(try gateway.stop() == .code(0))
        gateway = try start(gateway.directory, upstream)
        try gateway.kill()
        gateway = try start(gateway.directory, upstream)
        #expect(try left(gateway, "/route/x", bare) == "2")
    }

    @Test(arguments: [20, 100, 150]) func aDamagedFileIsSaidLoudlyAndTheWindowsAreEmpty(offset: Int) throws {
        let upstream = try Upstream()
        var gateway = try start(nil, upstream)
        let cast = gateway.cast
        for key in [cast.bare, cast.reader] { _ = try left(gateway, "/route/x", key) }
        #expect(try gateway.stop() == .code(0))
        let file = gateway.directory.file("store/rate-windows")
        let flip = "printf '\\377\\376' | dd of='\(file)' bs=1 seek=\(offset) conv=notrunc status=none"
        #expect(try runToEnd(["sh", "-c", flip], in: "/").succeeded)
        gateway = try start(gateway.directory, upstream)
        #expect(try left(gateway, "/route/x", cast.bare) == "2")
        #expect(gateway.says("rate limits start with empty windows: ./store/rate-windows cannot be used: "))
        // The damage is gone with the windows.
        #expect(try gateway.stop() == .code(0))
        gateway = try start(gateway.directory, upstream)
        #expect(try left(gateway, "/route/x", cast.bare) == "1")
        #expect(!gateway.child.standardError.contains("rate limits"))
    }

    @Test func windowsThatCannotBeWrittenAreSaidAndTheStopIsCleanAllTheSame() throws {
        let gateway = try start(nil, try Upstream())
        _ = try left(gateway, "/route/x", gateway.cast.bare)
        // Where the new file would be written stands something that is no file.
        let inTheWay = gateway.directory.file("store/rate-windows.tmp")
        #expect(try runToEnd(["mkdir", inTheWay], in: "/").succeeded)
        #expect(try gateway.stop() == .code(0))
        #expect(
            gateway.child.standardError.contains(
                "rate limits will start with empty windows, they cannot be saved: cannot create ./store/rate-windows.tmp"
            ), "\(gateway.child.standardError)")
    }
}
