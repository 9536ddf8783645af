import Testing

@testable import TLS

/// Files of certificates and keys: what they are good for, and what is said about those that are not.
@Suite struct TLSFileTests {
    @Test func agesAreThoseOfTheCertificates() throws {
        let directory = try Directory.withTLSFiles()
        let context = try directory.context([("a.pem", "a.key"), ("expired.pem", "a.key")])
        #expect(context.ages == [.valid, .expired(end: "2021-02-03 04:05:06 UTC")])
    }

    @Test(arguments: [
        (
            ["absent.pem", "a.key"], "certificate(0)",
            "cannot read certificate DIR/absent.pem: no such file or directory"
        ),
        (["a.pem", "absent.key"], "key(0)", "cannot read key DIR/absent.key: no such file or directory"),
        (
            ["a.key", "a.key"], "certificate(0)",
            "DIR/a.key has no certificate in PEM that can be used: no start line"
        ),
        (["a.pem", "a.pem"], "key(0)", "DIR/a.pem has no private key in PEM"),
        (
            ["a.pem", "locked.key"], "key(0)",
            "DIR/locked.key is under a passphrase, and nobody is there to type it"
        ),
        (["a.pem", "b.key"], "key(0)", "DIR/b.key is not the key of DIR/a.pem"),
        (["a.pem", "a.key", "b.pem", "a.key"], "key(1)", "DIR/a.key is not the key of DIR/b.pem"),
    ])
    func aFileThatDoesNotServeIsNamed(_ files: [String], _ file: String, _ message: String) throws {
        let directory = try Directory.withTLSFiles()
        let pairs = stride(from: 0, to: files.count, by: 2).map { (files[$0], files[$0 + 1]) }
        let error = #expect(throws: TLSFileError.self) { _ = try directory.context(pairs) }
        #expect(error?.message.replacing(directory.path, with: "DIR") == message)
        #expect(error.map { "\($0.file)" } == file)
    }

    @Test(arguments: [
        ("absent.pem", "cannot read client authority DIR/absent.pem: no such file or directory"),
        ("a.key", "DIR/a.key has no certificate in PEM: no start line"),
    ])
    func anAuthorityThatDoesNotServeIsNamed(_ name: String, _ message: String) throws {
        let directory = try Directory.withTLSFiles()
        let authority = TLSContext.ClientAuthority(file: directory.path + "/" + name, isRequired: true)
        let error = #expect(throws: TLSFileError.self) {
            _ = try directory.context([("a.pem", "a.key")], authority)
        }
        #expect(error?.message.replacing(directory.path, with: "DIR") == message)
        #expect(error.map { "\($0.file)" } == "clientAuthority")
    }

    @Test(arguments: [
        ("absent.pem", "cannot read DIR/absent.pem: no such file or directory"),
        ("a.key", "DIR/a.key has no certificate in PEM: no certificate or crl found"),
    ])
    func whomAClientIsToBelieveIsReadToo(_ name: String, _ message: String) throws {
        let directory = try Directory.withTLSFiles()
        let error = #expect(throws: TLSTrustError.self) { _ = try directory.trust(name) }
        #expect(error?.message.replacing(directory.path, with: "DIR") == message)
    }
}

/// Which certificate a client is shown, and whether it believes it.
@Suite struct TLSNameTests {
    @Test(arguments: [
        ("a.test", "CN=first"), ("localhost", "CN=first"), ("x.b.test", "CN=wildcard"),
        ("b.test", "CN=wildcard"), ("exact.b.test", "CN=exact"), ("EXACT.B.TEST", "CN=exact"),
        ("sub.a.test", "CN=wildcard"), ("x.y.b.test", "CN=first"), ("nobody.test", "CN=first"),
        ("127.0.0.1", "CN=first"),
    ])
    func theNameChooses(_ name: String, _ subject: String) throws {
        let directory = try Directory.withTLSFiles()
        let context = try directory.context([("a.pem", "a.key"), ("b.pem", "b.key"), ("exact.pem", "b.key")])
        let ends = try Ends(context, try TLSClientContext(.anybody), name: name)
        #expect(ends.shakeHands() == ("done", "done"))
        #expect(ends.client.peerSubject().map { String(decoding: $0, as: UTF8.self) } == subject)
    }

    @Test(arguments: [
        ("ca.pem", "a.test", "done"), ("ca.pem", "127.0.0.1", "done"),
        ("ca.pem", "b.test", "certificate verify failed: hostname mismatch"),
        ("ca.pem", "127.0.0.2", "certificate verify failed: IP address mismatch"),
        (
            "stranger.pem", "a.test",
            "certificate verify failed: unable to get local issuer certificate"
        ),
    ])
    func theCertificateMustBeForTheName(_ authority: String, _ name: String, _ outcome: String) throws {
        let directory = try Directory.withTLSFiles()
        let ends = try Ends(
            try directory.context([("a.pem", "a.key")]), try directory.trust(authority), name: name)
        let (server, client) = ends.shakeHands()
        #expect(client == outcome)
        #expect(outcome == "done" ? server == "done" : server.contains("alert"), "\(server)")
    }

    @Test func anExpiredCertificateIsNotBelieved() throws {
        let directory = try Directory.withTLSFiles()
        let context = try directory.context([("expired.pem", "a.key")])
        let ends = try Ends(context, try directory.trust("ca.pem"), name: "localhost")
        #expect(ends.shakeHands().client == "certificate verify failed: certificate has expired")
    }

    @Test(arguments: [(true, "peer did not return a certificate"), (false, "done")])
    func aClientWithoutACertificate(_ isRequired: Bool, _ outcome: String) throws {
        let directory = try Directory.withTLSFiles()
        let authority = TLSContext.ClientAuthority(file: directory.path + "/ca.pem", isRequired: isRequired)
        let ends = try Ends(
            try directory.context([("a.pem", "a.key")], authority), try directory.trust("ca.pem"))
        #expect(ends.shakeHands().server == outcome)
        #expect(ends.server.clientSubject == nil && ends.client.clientSubject == nil)
    }
}
