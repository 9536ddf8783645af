import Glibc
import Testing

/// What passes once both sides have switched, and how it ends.
@Suite struct WebSocketTunnels {
    private static let routes = WebSocketHandshakes.routes

    /// Sends `bytes` from a thread of its own while the caller reads.
    private func send(_ bytes: [UInt8], over client: Client) {
        let socket = client.socket
        startThread { try? socket.send(bytes) }
    }

    @Test(arguments: [1, 2])
    func megabytesPassBothWays(_ workers: Int) throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway(Self.routes, upstream: upstream, workers: workers)
        let (client, fields) = try gateway.openWebSocket(key: gateway.cast.reader)
        let message = WebSocket.maskedFrame(2, payload(6 << 20))
        send(message, over: client)
        #expect(same(try client.read(message.count), message))
        client.finishSending()
        #expect(client.isClosedByPeer())
        let line = try gateway.accessLogLine(requestID: fields["x-request-id"] ?? "")
        #expect(line["status"]?.number == 101 && line["code"]?.string == "VALID")
        #expect(
            line["bytesIn"]?.number == Double(message.count)
                && line["bytesOut"]?.number == Double(message.count))
        #expect(line["tunnelEnd"]?.string == "client" && line["keyId"]?.string == gateway.cast.reader.id)
    }

    @Test func manySmallMessagesPass() throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let (client, _) = try gateway.openWebSocket("/open/1")
        for number in 0..<500 {
            let message = WebSocket.maskedFrame(1, payload(number))
            try client.send(message)
            #expect(try client.read(message.count) == message)
        }
        #expect(try gateway.metric("keygate_tunnels_open") == 1)
        #expect(try gateway.metric("keygate_tunnels_total") == 1)
        client.socket.disconnect()
        #expect(try eventually { try gateway.metric("keygate_tunnels_open") == 0 })
    }

    @Test func bytesThatComeWithThe101AreTheFirstOfTheTunnel() throws {
        let first = WebSocket.frame(1, payload(100_000))
        let upstream = try Upstream { connection in
            guard try connection.request() != nil else { return }
            try connection.send(Array(WebSocket.answer().utf8) + first)
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let (client, fields) = try gateway.openWebSocket("/open/1")
        #expect(same(try client.readToEnd(), first))
        let line = try gateway.accessLogLine(requestID: fields["x-request-id"] ?? "")
        #expect(line["tunnelEnd"]?.string == "upstream" && line["bytesOut"]?.number == Double(first.count))
    }

    // MARK: Half an end

    @Test func whatAClientSaidBeforeItLeftArrives() throws {
        for leaves in [{ $0.finishSending() }, { $0.socket.disconnect() }] as [(Client) -> Void] {
            let arrived = Channel<[UInt8]>()
            let upstream = try Upstream(
                Upstream.switching { connection in
                    var all: [UInt8] = []
                    while case let bytes = try connection.socket.receive(), !bytes.isEmpty { all += bytes }
                    arrived.push(all)
                })
            let gateway = try Gateway(Self.routes, upstream: upstream)
            let (client, _) = try gateway.openWebSocket("/open/1")
            let said = payload(300_000)
            try client.send(said)
            leaves(client)
            #expect(same(try arrived.next("all of it"), said))
        }
    }

    @Test func theBackendHasTheLastWord() throws {
        let upstream = try Upstream(
            Upstream.switching { connection in
                while !(try connection.socket.receive()).isEmpty {}
                try connection.send(payload(200_000))
            })
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let (client, _) = try gateway.openWebSocket("/open/1")
        client.finishSending()
        #expect(same(try client.readToEnd(), payload(200_000)))
    }

    @Test func aBackendThatDoesNotEndIsNotWaitedForLong() throws {
        let goOn = Gate()
        let upstream = try Upstream(
            Upstream.switching { connection in
                // The end of the client's direction is not ours.
                while !(try connection.socket.receive()).isEmpty {}
                try connection.send("x")
                // As long as the client has not heard of an end.
                goOn.wait(milliseconds: 300_000)
            })
        let gateway = try Gateway(Self.routes, upstream: upstream, timeouts: "idle=1h")
        let (client, _) = try gateway.openWebSocket("/open/1")
        client.finishSending()
        #expect(try client.readToEnd() == Array("x".utf8))
        goOn.open()
    }

    // MARK: Back-pressure

    /// What a tunnel may add while one side does not read: four buffers at their marks, doubled while they grow.
    private static let growthAllowed = 1 << 20
    private static let total = 48 << 20

    @Test func aClientThatDoesNotReadHoldsTheBackendBack() throws {
        let held = Channel<Int>()
        let block = payload(1 << 20)
        let upstream = try Upstream(
            Upstream.switching { connection in
                for number in 0..<Self.total >> 20 {
                    if !connection.socket.waitWritable(milliseconds: 1000) { held.push(number) }
                    try connection.send(block)
                }
            })
        let gateway = try Gateway(Self.routes, upstream: upstream)
        #expect(try gateway.openWebSocket("/open/warm").client.read(4 << 20).count == 4 << 20)
        try gateway.forgetPeak()
        let before = try gateway.residentBytes()
        let (client, _) = try gateway.openWebSocket("/open/1", receiveBuffer: 65536)
        #expect(try held.next("the backend is held back") < Self.total >> 20)
        for _ in 0..<Self.total >> 20 { #expect(same(try client.read(1 << 20), block)) }
        #expect(client.isClosedByPeer())
        let grown = try gateway.peakBytes() - before
        #expect(grown < Self.growthAllowed, "\(grown >> 10) KiB")
    }

    @Test func aBackendThatDoesNotReadHoldsTheClientBack() throws {
        let go = Gate()
        let arrived = Channel<Bool>()
        let block = payload(1 << 20)
        let upstream = try Upstream(
            Upstream.switching { connection in
                if try connection.read(1) == [1] { go.wait(milliseconds: 60_000) }
                for _ in 0..<Self.total >> 20 {
                    if !same(try connection.read(1 << 20), block) { return arrived.push(false) }
                }
                arrived.push(true)
            })
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let (warm, _) = try gateway.openWebSocket("/open/warm")
        send([0] + block + block, over: warm)
        try gateway.forgetPeak()
        let before = try gateway.residentBytes()
        let (client, _) = try gateway.openWebSocket("/open/1")
        try client.send([1])
        let held = Channel<Int>()
        let socket = client.socket
        startThread {
            for number in 0..<Self.total >> 20 {
                if !socket.waitWritable(milliseconds: 1000) { held.push(number) }
                try? socket.send(block)
            }
        }
        #expect(try held.next("the client is held back") < Self.total >> 20)
        go.open()
        #expect(try arrived.next("all of it", milliseconds: 60_000))
        let grown = try gateway.peakBytes() - before
        #expect(grown < Self.growthAllowed, "\(grown >> 10) KiB")
    }

    /// The backend takes nothing, so nothing more is read from the client: its reset is heard all the same.
    @Test func aClientThatResetsDoesNotStayBecauseItsBackendDoesNotRead() throws {
        let go = Gate()
        let upstream = try Upstream(Upstream.switching { _ in go.wait(milliseconds: 60_000) })
        let gateway = try Gateway(Self.routes, upstream: upstream, timeouts: "idle=10m")
        let fields = try {
            let (client, fields) = try gateway.openWebSocket("/open/1")
            // Until nothing of what is sent is taken any more.
            while client.socket.waitWritable(milliseconds: 1000) { try? client.send(payload(16_384)) }
            client.socket.closeWillReset()
            return fields
        }()
        let line = try gateway.accessLogLine(requestID: fields["x-request-id"] ?? "")
        #expect(line["tunnelEnd"]?.string == "client" && line["closeCode"] == nil)
        go.open()
    }

    // MARK: Ended by us

    @Test func anIdleTunnelIsClosedAndSaysSo() throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway(Self.routes, upstream: upstream, timeouts: "idle=2s")
        var opened: (client: Client, fields: [Field])?
        var (isWhole, longest) = (false, 0)
        // An attempt in which the machine stood still for so long says nothing.
        _ = try eventually {
            var last = monotonicMilliseconds()
            let tunnel = try gateway.openWebSocket("/open/1")
            (opened, isWhole, longest) = (tunnel, true, 0)
            for _ in 0..<8 where isWhole {
                // Together longer than the time: each message begins it anew.
                _ = tunnel.client.socket.waitReadable(milliseconds: 300)
                let begun = monotonicMilliseconds()
                try? tunnel.client.send("ping")
                isWhole = (try? tunnel.client.read(4)) == Array("ping".utf8)
                longest = max(longest, monotonicMilliseconds() - last)
                last = begun
            }
            return isWhole || longest < 1000
        }
        #expect(isWhole, "\(longest) ms between two messages")
        let (client, fields) = try #require(opened)
        // The bytes of the echo are the first of a frame that has not ended: there is no place for a word of ours.
        #expect(try client.readToEnd().isEmpty)
        let line = try gateway.accessLogLine(requestID: fields["x-request-id"] ?? "")
        #expect(line["tunnelEnd"]?.string == "idle" && line["closeCode"] == nil)

        let framed = try gateway.connect()
        try framed.send(Array(WebSocket.request("/open/2").utf8) + WebSocket.frame(1, [1, 2, 3]))
        let other = try framed.responseHead().fields
        #expect(try framed.readToEnd() == WebSocket.frame(1, [1, 2, 3]) + WebSocket.close(1001))
        let second = try gateway.accessLogLine(requestID: other["x-request-id"] ?? "")
        #expect(second["tunnelEnd"]?.string == "idle" && second["closeCode"]?.number == 1001)
    }

    @Test func aRevokedKeyClosesItsTunnels() throws {
        let closed = Gate()
        let upstream = try Upstream(
            Upstream.switching { connection in
                try connection.send(WebSocket.frame(1, [1]))
                if connection.waitForClose(milliseconds: 60_000) { closed.open() }
            })
        let gateway = try Gateway("recheck-interval 200ms\n" + Self.routes, upstream: upstream)
        let manager = try ManagementClient(gateway.admin, rootKey: gateway.makeRootKey())
        let (client, fields) = try gateway.openWebSocket(key: gateway.cast.reader)
        let (other, _) = try gateway.openWebSocket("/open/1")
        #expect(try client.read(3) == WebSocket.frame(1, [1]))
        _ = try manager.data("keys.deleteKey", #"{"keyId":"\#(gateway.cast.reader.id)"}"#)
        #expect(try client.readToEnd() == WebSocket.close(1008))
        closed.wait()
        let line = try gateway.accessLogLine(requestID: fields["x-request-id"] ?? "")
        #expect(line["code"]?.string == "REVOKED" && line["revoked"]?.string == "NOT_FOUND")
        #expect(line["tunnelEnd"]?.string == "revoked" && line["closeCode"]?.number == 1008)
        #expect(line["status"]?.number == 101)
        #expect(!other.isClosedByPeer(milliseconds: 500), "a public route asks for no key")
    }

    @Test func aDrainClosesTunnelsBetweenTwoFrames() throws {
        let finish = Gate()
        let upstream = try Upstream { connection in
            guard let request = try connection.request() else { return }
            try connection.send(WebSocket.answer())
            let frame = WebSocket.frame(1, payload(1000))
            if request.target == "/open/whole" {
                try connection.send(frame)
            } else {
                try connection.send(Array(frame[..<500]))
                finish.wait(milliseconds: 60_000)
                // The next one has begun when the gateway hears of the end of this.
                try connection.send(Array(frame[500...] + frame[..<7]))
            }
            _ = connection.waitForClose(milliseconds: 60_000)
        }
        let gateway = try Gateway("shutdown-grace 10m\n" + Self.routes, upstream: upstream)
        let frame = WebSocket.frame(1, payload(1000))
        let (whole, _) = try gateway.openWebSocket("/open/whole")
        let (half, _) = try gateway.openWebSocket("/open/half")
        #expect(same(try whole.read(frame.count), frame))
        #expect(same(try half.read(500), Array(frame[..<500])))
        gateway.child.signal(SIGTERM)
        #expect(try whole.readToEnd() == WebSocket.close(1001))
        finish.open()
        #expect(same(try half.readToEnd(), Array(frame[500...]) + WebSocket.close(1001)))
        #expect(try gateway.stop() == .code(0))
        #expect(!gateway.child.standardError.contains("the grace period is over"))
        #expect(try gateway.accessLog().compactMap { $0["tunnelEnd"]?.string } == ["draining", "draining"])
    }

    @Test func aDrainDoesNotWaitForAFrameForEver() throws {
        let upstream = try Upstream(
            Upstream.switching { connection in
                try connection.send([0x81, 100, 1])
                _ = connection.waitForClose(milliseconds: 60_000)
            })
        let gateway = try Gateway("shutdown-grace 1s\n" + Self.routes, upstream: upstream)
        let (client, _) = try gateway.openWebSocket("/open/1")
        #expect(try client.read(3) == [0x81, 100, 1])
        #expect(try gateway.stop() == .code(0))
        #expect(client.isClosedByPeer())
        #expect(try gateway.accessLog().compactMap { $0["tunnelEnd"]?.string } == ["stopped"])
    }

    @Test func aReloadLeavesTunnelsAlone() throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let (client, _) = try gateway.openWebSocket("/open/1")
        try gateway.reload("route GET /other { public }", upstream: upstream)
        let message = WebSocket.maskedFrame(2, payload(1 << 20))
        send(message, over: client)
        #expect(same(try client.read(message.count), message))
    }

    // MARK: What it costs, and over what it goes

    @Test func aHandshakeIsChargedAndSettledOnce() throws {
        let upstream = try Upstream(
            Upstream.switching("X-Used: 3\r\n") { _ = $0.waitForClose(milliseconds: 60_000) })
        let gateway = try Gateway(
            "route GET /ws/** { authenticated; websocket; cost reserve=50 from-response-header=X-Used on-error=refund }",
            upstream: upstream)
        let manager = try ManagementClient(gateway.admin, rootKey: gateway.makeRootKey())
        let api = try manager.text("apiId", "apis.createApi", #"{"name":"sockets"}"#)
        let made = try manager.data("keys.createKey", #"{"apiId":"\#(api)","credits":{"remaining":60}}"#)
        let key = Cast.Key(id: made["keyId"]?.string ?? "", secret: made["key"]?.string ?? "")
        let (first, fields) = try gateway.openWebSocket(key: key)
        #expect(fields["x-used"] == nil)
        // The reserve of the first is not held back while it is open: 57 are left.
        let (second, _) = try gateway.openWebSocket(key: key)
        first.socket.disconnect()
        second.socket.disconnect()
        let line = try gateway.accessLogLine(requestID: fields["x-request-id"] ?? "")
        #expect(line["credits"]?.number == 3 && line["reserved"]?.number == 50)
        #expect(line["settlement"]?.string == "billed")
        let left = try manager.data("keys.getKey", #"{"keyId":"\#(key.id)"}"#)["credits"]?["remaining"]
        #expect(left?.number == 54)
    }

    @Test func aUnixSocketOnBothSides() throws {
        let directory = try Directory()
        let upstream = try Upstream(on: .unix(path: directory.file("backend.sock")), Upstream.echoing)
        let gateway = try Gateway(
            Self.routes, upstream: upstream,
            listen: "listen 127.0.0.1:0\nlisten unix:\(directory.file("gate.sock"))")
        let client = try Client(.unix(path: directory.file("gate.sock")))
        try client.send(WebSocket.request("/open/1"))
        #expect(try client.responseHead().status == 101)
        let message = WebSocket.maskedFrame(2, payload(2 << 20))
        send(message, over: client)
        #expect(same(try client.read(message.count), message))
        #expect(try gateway.metric("keygate_tunnels_open") == 1)
    }

    /// One gateway is the client of another, which asks it for its certificate: a TLS upstream and a TLS listener.
    @Test func throughTLSOnBothSides() throws {
        let upstream = try Upstream(Upstream.echoing)
        let inner = try Gateway.withTLS(
            "tls a.pem a.key tls-client-ca ca.pem", Self.routes, upstream: upstream)
        let files = try Directory()
        try TLSFiles.write(to: files)
        let outer = try Gateway(
            """
            upstream api {
                server https://127.0.0.1:\(inner.port)
                tls-ca ca.pem
                client-certificate client.pem client.key
            }

            """ + Self.routes, directory: files)
        let (client, _) = try outer.openWebSocket("/open/1")
        let message = WebSocket.maskedFrame(2, payload(6 << 20))
        send(message, over: client)
        #expect(same(try client.read(message.count), message))
        #expect(try upstream.next().fields["x-forwarded-proto"] == "https")
        client.finishSending()
        #expect(client.isClosedByPeer())
        #expect(try eventually { try inner.accessLog().compactMap { $0["tunnelEnd"]?.string } == ["client"] })
    }
}
