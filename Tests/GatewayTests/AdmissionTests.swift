// The order of the decision. Each case breaks one thing, or two to see which is told: the first in the order.

import Keys
import Testing

@testable import Gateway

@Suite struct AdmissionOrder {
    static let configuration = """
        api billing
        route GET /open { public }
        route GET /any { authenticated }
        route GET /things/{id} { require things.read; check path.id != "0" "Zero is not a thing." }
        route POST /things { require "things.write OR things.admin" }
        route GET /other { authenticated; api accounts }
        route GET /pub/{id} { public; check path.id == "1" }
        route GET /slash/{id} { public; allow-encoded-slash }
        route GET /double/** { public; allow-empty-segments }
        route GET /sets { public; header X-Set value; remove-header X-Gone }

        """
    static let key = ["Authorization: Bearer key_good"]
    static let past = Desk.nowMillis - 1

    struct Case: CustomTestStringConvertible {
        let label: String
        var request = "GET /things/7 HTTP/1.1"
        var lines = AdmissionOrder.key
        var peer: String? = "192.0.2.9"
        var plan = KeyPlan(permissions: ["things.read"])
        let expected: RefusalReason?
        var testDescription: String { label }
    }

    @Test(arguments: [
        Case(label: "everything holds", expected: nil),
        Case(
            label: "a public route asks for nothing", request: "GET /open HTTP/1.1", lines: [], expected: nil),
        Case(label: "HEAD where GET is listed", request: "HEAD /things/7 HTTP/1.1", expected: nil),

        Case(
            label: "an ambiguous path before everything", request: "GET /a/../things/7 HTTP/1.1", lines: [],
            expected: .pathAmbiguous),
        Case(
            label: "an ambiguous path where there is no route", request: "GET /nowhere//x HTTP/1.1",
            lines: [], expected: .pathAmbiguous),
        Case(
            label: "an encoded slash where there is no route", request: "GET /nowhere/%2f HTTP/1.1",
            lines: [], expected: .pathAmbiguous),
        Case(
            label: "an empty segment on a route without leave", request: "GET /things// HTTP/1.1",
            expected: .pathAmbiguous),
        Case(
            label: "an empty segment on a route with leave", request: "GET /double//x HTTP/1.1", lines: [],
            expected: nil),
        Case(
            label: "an encoded slash on a route without leave", request: "GET /things/a%2Fb HTTP/1.1",
            expected: .pathAmbiguous),
        Case(
            label: "an encoded slash on a route with leave", request: "GET /slash/a%2Fb HTTP/1.1", lines: [],
            expected: nil),
        Case(
            label: "Connection names a header that the route sets", request: "GET /sets HTTP/1.1",
            lines: ["Connection: close, X-Set"], expected: .badRequest),
        Case(
            label: "under another spelling", request: "GET /sets HTTP/1.1",
            lines: ["Connection: x_set"], expected: .badRequest),
        Case(
            label: "Connection names what another route sets",
            request: "GET /open HTTP/1.1", lines: ["Connection: X-Set"], expected: nil),
        Case(
            label: "Connection names what the route removes", request: "GET /sets HTTP/1.1",
            lines: ["Connection: X-Gone"], expected: nil),
        Case(
            label: "no route, before any key", request: "GET /nothing HTTP/1.1", lines: [],
            expected: .routeNotFound),
        Case(
            label: "another method, before any key", request: "DELETE /things/7 HTTP/1.1", lines: [],
            expected: .methodNotAllowed),

        Case(label: "no key", lines: [], expected: .missingKey),
        Case(label: "another scheme", lines: ["Authorization: Basic eA=="], expected: .missingKey),
        Case(label: "two keys", lines: key + key, expected: .ambiguousKey),
        Case(label: "an unknown key", lines: ["Authorization: Bearer key_bad"], expected: .keyNotFound),
        Case(
            label: "a key of another API", plan: KeyPlan(api: "accounts", permissions: ["things.read"]),
            expected: .keyNotFound),
        Case(label: "a route for another API", request: "GET /other HTTP/1.1", expected: .keyNotFound),
        Case(
            label: "another API before disabled", plan: KeyPlan(api: "accounts", isEnabled: false),
            expected: .keyNotFound),
        Case(
            label: "disabled", plan: KeyPlan(permissions: ["things.read"], isEnabled: false),
            expected: .keyDisabled),
        Case(
            label: "disabled before expired", plan: KeyPlan(isEnabled: false, expiresAtMillis: past),
            expected: .keyDisabled),
        Case(
            label: "expired", plan: KeyPlan(permissions: ["things.read"], expiresAtMillis: past),
            expected: .keyExpired),
        Case(
            label: "it expires in a millisecond",
            plan: KeyPlan(permissions: ["things.read"], expiresAtMillis: Desk.nowMillis + 1),
            expected: nil),
        Case(
            label: "expired before the allow-list",
            plan: KeyPlan(expiresAtMillis: past, networks: ["10.0.0.0/8"]),
            expected: .keyExpired),
        Case(
            label: "an address on no allow-list of the key",
            plan: KeyPlan(permissions: ["things.read"], networks: ["10.0.0.0/8"]),
            expected: .forbidden),
        Case(
            label: "an address on no allow-list of the API",
            plan: KeyPlan(permissions: ["things.read"], apiNetworks: ["10.0.0.0/8"]), expected: .forbidden),
        Case(
            label: "an address on one list and not on the other",
            plan: KeyPlan(
                permissions: ["things.read"], networks: ["192.0.2.0/24"], apiNetworks: ["10.0.0.0/8"]),
            expected: .forbidden),
        Case(
            label: "an address on both lists",
            plan: KeyPlan(
                permissions: ["things.read"], networks: ["192.0.2.0/24"], apiNetworks: ["192.0.2.9"]),
            expected: nil),
        Case(
            label: "a client without an address and a list", peer: nil,
            plan: KeyPlan(permissions: ["things.read"], networks: ["0.0.0.0/0", "::/0"]), expected: .forbidden
        ),
        Case(label: "a client without an address and no list", peer: nil, expected: nil),
        Case(
            label: "the allow-list before permissions", plan: KeyPlan(networks: ["10.0.0.0/8"]),
            expected: .forbidden),
        Case(label: "no permission", plan: KeyPlan(), expected: .insufficientPermissions),
        Case(
            label: "another permission", plan: KeyPlan(permissions: ["things.write"]),
            expected: .insufficientPermissions),
        Case(
            label: "one of two permissions", request: "POST /things HTTP/1.1",
            plan: KeyPlan(permissions: ["things.admin"]),
            expected: nil),
        Case(
            label: "permissions before checks", request: "GET /things/0 HTTP/1.1", plan: KeyPlan(),
            expected: .insufficientPermissions),
        Case(label: "a check fails", request: "GET /things/0 HTTP/1.1", expected: .forbidden),
        Case(
            label: "checks before limits", request: "GET /things/0 HTTP/1.1",
            plan: KeyPlan(permissions: ["things.read"], limits: [KeyPlan.spentLimit]), expected: .forbidden),
        Case(
            label: "a limit of the key that is spent",
            plan: KeyPlan(permissions: ["things.read"], limits: [KeyPlan.spentLimit]),
            expected: .rateLimited),
        Case(
            label: "a limit of the identity that is spent",
            plan: KeyPlan(
                identity: "acme", permissions: ["things.read"], identityLimits: [KeyPlan.spentLimit]),
            expected: .rateLimited),
        Case(
            label: "a limit that is only charged by name, and is not named",
            plan: KeyPlan(
                permissions: ["things.read"],
                limits: [
                    RateLimitRule(
                        name: "requests", limit: 0, durationMillis: 1000, appliesAutomatically: false)
                ]),
            expected: nil),
        Case(
            label: "permissions before limits", plan: KeyPlan(limits: [KeyPlan.spentLimit]),
            expected: .insufficientPermissions),
        Case(
            label: "a check on a public route", request: "GET /pub/2 HTTP/1.1", lines: [],
            expected: .forbidden),
        Case(
            label: "a check on a public route that holds", request: "GET /pub/1 HTTP/1.1", lines: [],
            expected: nil),
        Case(
            label: "a public route does not look at the key", request: "GET /open HTTP/1.1", lines: key,
            plan: KeyPlan(isEnabled: false), expected: nil),
    ])
    func theFirstFailureAnswers(_ test: Case) throws {
        let desk = try Desk(Self.configuration, keys: [test.plan])
        #expect(try desk.reason(test.request, test.lines, from: test.peer) == test.expected)
    }

    @Test func aRefusalCarriesWhatTheClientNeeds() throws {
        let desk = try Desk(Self.configuration, keys: [KeyPlan()])
        let wrongMethod = try #require(try desk.judge("DELETE /things/7 HTTP/1.1").refusal)
        let allowed = try #require(wrongMethod.allowedMethods)
        #expect(String(decoding: allowed, as: UTF8.self) == "GET, HEAD")
        let scopes = try #require(try desk.judge("POST /things HTTP/1.1", Self.key).refusal)
        #expect(scopes.scope == "things.write things.admin")
        let reader = try Desk(Self.configuration, keys: [KeyPlan(permissions: ["things.read"])])
        let check = try #require(try reader.judge("GET /things/0 HTTP/1.1", Self.key).refusal)
        #expect(check.detail == "Zero is not a thing.")
    }

    @Test func theLogLearnsWhoWasRefused() throws {
        let desk = try Desk(Self.configuration, keys: [KeyPlan(identity: "acme", isEnabled: false)])
        let exchange = try desk.judge("GET /any HTTP/1.1", Self.key).exchange
        #expect(!exchange.keyID.isEmpty)
        #expect(exchange.identity == Array("acme".utf8))
    }
}
