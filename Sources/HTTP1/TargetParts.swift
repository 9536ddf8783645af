// The forms of a request target (RFC 9112 §3.2): which one it is, and where its authority, path and query
// lie. What the path means is `RequestTarget`'s business.

import Bytes

/// The form in which a client named its target.
public enum TargetForm: Sendable, Equatable {
    /// `/path?query`
    case origin
    /// `http://host/path?query`
    case absolute
    /// `*`, the server as a whole; only for OPTIONS.
    case asterisk
}

/// The pieces of a target, as offsets into it.
struct TargetParts {
    let form: TargetForm
    /// Empty unless the form is absolute.
    let authority: Range<Int>
    /// Empty for `*` and for an absolute target without a path.
    let path: Range<Int>
    /// What follows the first `?`, if there is one.
    let query: Range<Int>?

    /// Nil if the target is in no form we accept for this method. The authority of an absolute target is
    /// valid when this succeeds; path and query are not looked into.
    init?(_ target: Span<UInt8>, method: Method) {
        guard !target.isEmpty else { return nil }
        var pathStart = 0
        if target[0] == Byte.slash {
            form = .origin
            authority = 0..<0
        } else if target[0] == UInt8(ascii: "*") {
            guard target.count == 1, method == .options else { return nil }
            form = .asterisk
            authority = 0..<0
            path = 0..<0
            query = nil
            return
        } else {
            guard let start = Self.endOfScheme(target) else { return nil }
            pathStart = start
            while pathStart < target.count, !Self.endsAuthority(target[pathStart]) { pathStart += 1 }
            guard Authority.isValid(target.extracting(start..<pathStart)) else { return nil }
            authority = start..<pathStart
            // OPTIONS on a URL with neither path nor query asks the server as a whole (RFC 9112 §3.2.4).
            if method == .options, pathStart == target.count {
                form = .asterisk
                path = pathStart..<pathStart
                query = nil
                return
            }
            form = .absolute
        }
        var pathEnd = pathStart
        while pathEnd < target.count, target[pathEnd] != UInt8(ascii: "?") { pathEnd += 1 }
        path = pathStart..<pathEnd
        query = pathEnd < target.count ? (pathEnd + 1)..<target.count : nil
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        byte == Byte.slash || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }

    /// The index behind `http://` or `https://` in any letter case.
    private static func endOfScheme(_ target: Span<UInt8>) -> Int? {
        if target.count >= 7, ASCII.equalsIgnoringCase(target.extracting(0..<7), "http://") { return 7 }
        if target.count >= 8, ASCII.equalsIgnoringCase(target.extracting(0..<8), "https://") { return 8 }
        return nil
    }
}
