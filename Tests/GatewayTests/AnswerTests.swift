// What Keygate writes itself: refusals, log lines and names.

import Access
import Bytes
import HTTP1
import JSON
import Keys
import Rules
import Testing

@testable import Gateway

private func parsed(_ bytes: [UInt8]) throws -> JSONValue {
    try JSONValue(parsing: bytes.span)
}

@Suite struct RefusalTests {
    private func answer(
        _ refusal: Refusal, asProblem: Bool = false, isHead: Bool = false, closes: Bool = false,
        saysKeepAlive: Bool = false
    ) -> (head: [String], body: [UInt8]) {
        var output = ByteBuffer()
        var scratch = ByteBuffer()
        let count = refusal.append(
            to: &output, scratch: &scratch, limitLines: ByteBuffer(),
            Refusal.Form(
                requestID: Array("req_1".utf8), asProblem: asProblem, isHead: isHead, closes: closes,
                saysKeepAlive: saysKeepAlive))
        let bytes = Array(copying: output.bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        let head = text.components(until: "\r\n\r\n")
        let body = Array(bytes.dropFirst(head.utf8.count + 4))
        #expect(body.count == count)
        return (head.split(separator: "\r\n").map(String.init), body)
    }

    @Test(arguments: RefusalReason.allCases)
    func everyReasonIsAWholeAnswer(_ reason: RefusalReason) throws {
        let about = reason.description
        let (head, body) = answer(Refusal(reason))
        #expect(head[0].hasPrefix("HTTP/1.1 \(about.status.code) "))
        #expect(head.contains("Content-Length: \(body.count)"))
        #expect(head.contains("Content-Type: application/json"))
        #expect(head.contains("X-Request-Id: req_1"))
        #expect(head.contains("Cache-Control: no-store"))
        #expect(
            head.contains { $0.hasPrefix("Retry-After: ") } == (about.isRetryable && about.fault != .client))
        let error = try #require(try parsed(body)["error"])
        #expect(try parsed(body)["meta"]?["requestId"]?.text == "req_1")
        #expect(error["code"]?.text == about.code.description)
        #expect(error["title"]?.text == about.title.description)
        #expect(error["detail"]?.text == about.detail.description)
        #expect(error["type"]?.text == "https://keygate.dev/errors/\(about.code)")
        #expect(String(decoding: body, as: UTF8.self).contains("\"status\":\(about.status.code),"))
    }

    @Test func codesAndWordsAreUnique() {
        let all = RefusalReason.allCases.map(\.description)
        #expect(Set(all.map { $0.code.description }).count == all.count)
        #expect(Set(all.map { $0.word.description }).count == all.count)
        #expect(
            RefusalReason.allCases.map { Int($0.rawValue) } == Array(0..<all.count),
            "raw values index counters")
    }

    @Test(
        arguments: [
            (RefusalReason.missingKey, "Bearer realm=\"keygate\""),
            (.ambiguousKey, "Bearer realm=\"keygate\", error=\"invalid_request\""),
            (.keyNotFound, "Bearer realm=\"keygate\", error=\"invalid_token\""),
            (.keyDisabled, "Bearer realm=\"keygate\", error=\"invalid_token\""),
            (.keyExpired, "Bearer realm=\"keygate\", error=\"invalid_token\""),
            (.forbidden, "Bearer realm=\"keygate\", error=\"insufficient_scope\""),
            (.insufficientPermissions, "Bearer realm=\"keygate\", error=\"insufficient_scope\""),
            (.routeNotFound, nil), (.methodNotAllowed, nil), (.upstreamInvalid, nil),
            (.usageExceeded, nil),
        ] as [(RefusalReason, String?)])
    func aChallengeSaysWhatWasWrong(_ reason: RefusalReason, _ challenge: String?) {
        let head = answer(Refusal(reason)).head
        #expect(
            head.first { $0.hasPrefix("WWW-Authenticate") } == challenge.map { "WWW-Authenticate: \($0)" })
    }

    @Test func allOf401And403HaveAChallenge() {
        for reason in RefusalReason.allCases where [401, 403].contains(reason.description.status.code) {
            #expect(
                answer(Refusal(reason)).head.contains { $0.hasPrefix("WWW-Authenticate: Bearer ") },
                "\(reason)")
        }
    }

    @Test func particularsAreShown() throws {
        let scoped = answer(Refusal(.insufficientPermissions, scope: "a.read b.write"))
        #expect(
            scoped.head.contains(
                "WWW-Authenticate: Bearer realm=\"keygate\", error=\"insufficient_scope\", scope=\"a.read b.write\""
            ))
        let method = answer(Refusal(.methodNotAllowed, allowedMethods: Array("GET, HEAD".utf8)))
        #expect(method.head.contains("Allow: GET, HEAD"))
        let hostile = "a \"quoted\"\r\nX-Evil: 1 \u{0} é"
        let detailed = answer(Refusal(.forbidden, detail: hostile))
        #expect(try parsed(detailed.body)["error"]?["detail"]?.text == hostile)
        #expect(!detailed.head.contains { $0.hasPrefix("X-Evil") })
    }

    @Test func theFormFollowsTheRequest() {
        let problem = answer(Refusal(.missingKey), asProblem: true)
        #expect(problem.head.contains("Content-Type: application/problem+json"))
        let head = answer(Refusal(.missingKey), isHead: true)
        #expect(head.body.isEmpty)
        #expect(head.head.contains("Content-Length: \(answer(Refusal(.missingKey)).body.count)"))
        #expect(answer(Refusal(.missingKey), closes: true).head.contains("Connection: close"))
        #expect(answer(Refusal(.missingKey), saysKeepAlive: true).head.contains("Connection: keep-alive"))
        #expect(!answer(Refusal(.missingKey)).head.contains { $0.hasPrefix("Connection") })
    }
}

extension String {
    /// What stands in front of the first `separator`; everything if there is none.
    fileprivate func components(until separator: String) -> String {
        firstRange(of: separator).map { String(self[..<$0.lowerBound]) } ?? self
    }
}

@Suite struct AccessLogTests {
    private func line(_ exchange: Exchange, nowNanos: Int64 = 5_000_000) throws -> (
        text: String, value: JSONValue
    ) {
        var log = ByteBuffer()
        var scratch = ByteBuffer()
        AccessLogLine.append(
            exchange, peer: Array("192.0.2.9".utf8), nowNanos: nowNanos, to: &log, scratch: &scratch)
        let bytes = Array(copying: log.bytes)
        #expect(bytes.last == UInt8(ascii: "\n"))
        #expect(bytes.count { $0 == UInt8(ascii: "\n") } == 1, "one line")
        return (String(decoding: bytes, as: UTF8.self), try parsed(bytes))
    }

    @Test func aForwardedRequestHasAllItsFields() throws {
        let desk = try Desk(
            "tag area=billing\nroute GET /users/{id} { authenticated; tag who={id}; tag how=$method }\n",
            keys: [KeyPlan(identity: "acme")])
        let exchange = try desk.judge(
            "GET /users/7?secret=1 HTTP/1.1", ["Authorization: Bearer key_good", "X-Private: 1"]
        ).exchange
        exchange.startNanos = 1_000_000
        exchange.forwardNanos = 1_250_000
        exchange.headNanos = 3_250_000
        exchange.startUnixMillis = Desk.nowMillis
        exchange.answerBytes = 42
        exchange.bodyByteCount = 7
        let (text, value) = try line(exchange)
        #expect(value["time"]?.text == "2025-06-15T15:06:40.000Z")
        #expect(value["requestId"]?.text == "req_test")
        #expect(value["client"]?.text == "192.0.2.9")
        #expect(value["method"]?.text == "GET")
        #expect(value["path"]?.text == "/users/7")
        #expect(value["route"]?.text == "/users/{id}")
        #expect(value["tags"]?.elements?.compactMap(\.text) == ["area=billing", "who=7", "how=GET"])
        #expect(value["code"]?.text == "VALID")
        #expect(value["identity"]?.text == "acme")
        #expect(value["keyId"]?.text?.hasPrefix("key_") == true)
        for number in [
            "\"status\":200", "\"bytesIn\":7", "\"bytesOut\":42", "\"totalMicros\":4000",
            "\"upstreamMicros\":2000", "\"gatewayMicros\":250",
        ] {
            #expect(text.contains(number), "\(number)")
        }
        for secret in ["key_good", "secret", "X-Private", "Bearer"] { #expect(!text.contains(secret)) }
    }

    @Test(arguments: [
        "a\"b\\c", "a\r\nb", "a\u{0}b", "\u{1B}[31mred", "</script>", "é\u{2028}", "\u{7F}",
    ])
    func hostileTextStaysInsideItsString(_ text: String) throws {
        let exchange = try Desk.exchange()
        exchange.path.append(text)
        exchange.identity = Array(text.utf8)
        exchange.keyID = Array(text.utf8)
        exchange.requestID = Array(text.utf8)
        let value = try line(exchange).value
        for field in ["path", "identity", "keyId", "requestId"] { #expect(value[field]?.text == text) }
    }

    @Test func bytesThatAreNoUTF8AreStillValidJSON() throws {
        for byte in UInt8.min...UInt8.max {
            let exchange = try Desk.exchange()
            exchange.path.append([0x2F, byte, 0x61])
            exchange.identity = [byte]
            _ = try line(exchange)
        }
    }

    @Test func anExchangeWithoutAHeadHasALineToo() throws {
        let exchange = Exchange(limits: RequestLimits())
        exchange.outcome = .refused(.requestTimeout)
        exchange.status = .requestTimeout
        let value = try line(exchange).value
        #expect(value["code"]?.text == "REQUEST_TIMEOUT")
        #expect(value["method"]?.text == "")
        #expect(value["client"]?.text == "192.0.2.9")
        #expect(value["route"] == nil)
    }

    @Test func theEndOfAnExchangeIsOneWord() throws {
        let exchange = try Desk.exchange()
        exchange.outcome = .open
        #expect(try line(exchange).value["code"]?.text == "PUBLIC")
        exchange.shadowRefusal = .keyExpired
        #expect(try line(exchange).value["code"]?.text == "EXPIRED")
        #expect(try line(exchange).value["shadow"]?.text == "EXPIRED")
        exchange.isBroken = true
        #expect(try line(exchange).value["code"]?.text == "ANSWER_BROKEN")
        exchange.isStopped = true
        #expect(try line(exchange).value["code"]?.text == "STOPPED")
        #expect(try line(exchange).text.contains("\"status\":200"))
        exchange.isAbandoned = true
        #expect(try line(exchange).value["code"]?.text == "CLIENT_LEFT")
        #expect(try line(exchange).text.contains("\"status\":499"))
    }
}

@Suite struct RequestIDTests {
    @Test func idsAreTokensAndUnique() {
        var loops = [RequestIDs(), RequestIDs(), RequestIDs()]
        var seen: Set<[UInt8]> = []
        var id: [UInt8] = []
        for _ in 0..<30_000 {
            for index in loops.indices {
                loops[index].next(into: &id)
                seen.insert(id)
            }
        }
        #expect(seen.count == 90_000)
        #expect(id.count == RequestIDs.byteCount)
        #expect(
            seen.allSatisfy {
                $0.starts(with: Array("req_".utf8))
                    && $0.allSatisfy { $0 == 0x5F || ASCII.isDigit($0) || (0x61...0x7A).contains($0) }
            })
    }
}
