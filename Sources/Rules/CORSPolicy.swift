// Which pages of which origins may call this API from a browser (the CORS protocol of the Fetch standard, §3.2).
// A browser asks before it sends a key: that preflight has none, and is answered from the policy alone. What the
// policy says protects the users of browsers; the key is asked for all the same.

import Bytes

/// `cors …`, of one route or of all.
public struct CORSPolicy: Sendable, Hashable {
    /// In the form a browser sends them, `scheme://host[:port]`; nil admits every origin.
    public let origins: [[UInt8]]?
    /// Methods that pages may use, of those the routes have; nil admits all of them.
    public let methods: [[UInt8]]?
    /// Request headers that pages may set beyond those the standard always allows; in lower case.
    public let headers: [[UInt8]]
    /// How long a browser may remember the answer to a preflight.
    public let maxAgeSeconds: Int

    /// Without `headers=`: what an API with keys is called with.
    static let standardHeaders = ["authorization", "content-type"].map { Array($0.utf8) }
    static let standardMaxAgeSeconds = 600

    /// Whether a page of this origin, as its browser names it, may call. Origins compare byte for byte.
    public func admits(origin: Span<UInt8>) -> Bool {
        guard let origins else { return true }
        for known in origins where ASCII.equals(known.span, origin) { return true }
        return false
    }

    public func admits(method: Span<UInt8>) -> Bool {
        guard let methods else { return true }
        for known in methods where ASCII.equals(known.span, method) { return true }
        return false
    }

    public func admits(header name: Span<UInt8>) -> Bool {
        for known in headers where ASCII.equalsIgnoringCase(known.span, name) { return true }
        return false
    }
}
