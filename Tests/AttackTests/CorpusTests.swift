import Testing

@testable import Attack

/// The corpus and its judge, without sockets.
@Suite struct CorpusRules {
    static let ground = Ground(host: "127.0.0.1:8080", key: "kg_5Qd9mWvT2x")
    static let judge = Judge(
        ground: ground,
        anonymous: Baseline(
            identities: [],
            names: Set(
                ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id", "via"]
                    .map { Array($0.utf8) })),
        keyed: Baseline(identities: [NaiveForwarder.identity], names: []))

    private func verdict(_ attack: AttackCase, reaching bytes: [UInt8]) -> Verdict {
        Self.judge.verdict(on: attack, recordings: [bytes])
    }

    @Test func namesAreUniqueAndThereAreEnough() {
        #expect(Set(Corpus.all.map(\.name)).count == Corpus.all.count)
        #expect(Corpus.all.count >= 150)
        for group in CaseGroup.allCases { #expect(Corpus.cases(in: [group]).count >= 10, "\(group)") }
        #expect(Corpus.all.count < 900, "marks have three digits, and those from 900 are taken")
    }

    @Test func everyCaseSaysWhyAndWhere() {
        for attack in Corpus.all {
            #expect(attack.why.utf8.count >= 10, "\(attack.name)")
            #expect(attack.reference.contains("RFC") || attack.reference.contains("CWE"), "\(attack.name)")
            let bytes = Self.ground.bytes(of: attack.template, mark: "kgc007")
            #expect(DialectReader.contains("kgc007", in: bytes), "\(attack.name) cannot be recognised")
            for placeholder in ["{open}", "{key}", "{id", "{length}", "{inner", "{tail", "{evil}"] {
                #expect(!DialectReader.contains(placeholder, in: bytes), "\(attack.name) has \(placeholder)")
            }
        }
    }

    @Test(arguments: Corpus.all.map(\.name))
    func aForwarderThatDoesNotLookIsFound(_ name: String) throws {
        let attack = try #require(Corpus.all.first { $0.name == name })
        let bytes = Self.ground.bytes(of: attack.template, mark: "kgc007")
        let verdicts = NaiveForwarder.allCases.map { forwarder in
            verdict(attack, reaching: forwarder.forward(bytes, attack, Self.ground))
        }
        #expect(verdicts.contains { if case .found = $0 { true } else { false } }, "a case that cannot fail")
    }

    @Test func whatNeverArrivesIsRefused() {
        for attack in Corpus.all { #expect(Self.judge.verdict(on: attack, recordings: []) == .refused) }
    }

    @Test func honestRequestsAreSafe() {
        func honest(_ path: String, _ fields: String = "") -> [UInt8] {
            Array(
                ("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\(fields)X-Forwarded-For: 127.0.0.1\r\n"
                    + "X-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\nX-Request-Id: 1\r\nVia: a\r\n\r\n")
                    .utf8)
        }
        for attack in Corpus.all {
            #expect(verdict(attack, reaching: honest("/attack/open/kgc007")) == .safe, "\(attack.name)")
            guard attack.authority == .keyed else { continue }
            let bytes = honest("/attack/locked/kgc007", "X-Tenant-Id: acme\r\n")
            #expect(verdict(attack, reaching: bytes) == .safe, "\(attack.name)")
        }
    }

    @Test func theKeyIsTakenOutOfTheEvidence() {
        let bytes = Array("a kg_5Qd9mWvT2x b kg_5Qd9mWvT2x".utf8)
        #expect(Self.ground.withoutKey(bytes) == Array("a <key> b <key>".utf8))
    }
}
