// Paths that two servers read differently: the gateway sees the open prefix, the backend the locked one. The
// classes are those of the advisories on path normalisation (CWE-22, CWE-177, CWE-436) of proxies, servlet
// containers and file servers.

extension Corpus {
    static let path: [AttackCase] = {
        var table = CaseTable(.path)
        for (name, target, why) in climbs {
            table.add(name, get(target), why: why, "RFC 3986 §5.2.4, §6.2.2; CWE-436")
        }
        for (name, target, why) in hiding {
            table.add(name, get(target), why: why, "RFC 3986 §3.3-3.5; CWE-177")
        }
        for (name, target, why) in keyed {
            table.add(name, get(target, "{auth}"), .keyed, why: why, "RFC 3986 §5.2.4; CWE-863")
        }
        return table.cases
    }()

    /// From the open prefix to its locked neighbour.
    private static let climbs: [(String, String, String)] = [
        ("dot-segment", "{open}/../locked/{mark}", "a dot segment that only the backend resolves"),
        ("dot-segment-deep", "{open}/x/../../locked/{mark}", "two steps up, one into the open prefix first"),
        ("dot-segment-mixed", "{open}/./../locked/{mark}", "a single dot before the double one"),
        ("dot-segment-last", "{open}/..", "the prefix's parent, for backends that resolve a last `..`"),
        ("encoded-dots", "{open}/%2e%2e/locked/{mark}", "dots escaped, decoded behind the rule"),
        ("encoded-dots-upper", "{open}/%2E%2E/locked/{mark}", "the same in upper case"),
        ("encoded-first-dot", "{open}/%2e./locked/{mark}", "one dot of the two escaped"),
        ("encoded-second-dot", "{open}/.%2e/locked/{mark}", "the other one escaped"),
        ("encoded-slash", "{open}/..%2flocked/{mark}", "the slash behind the dots escaped"),
        ("encoded-slash-upper", "{open}/..%2Flocked/{mark}", "the same in upper case"),
        ("encoded-slashes", "{open}%2f..%2flocked%2f{mark}", "every slash behind the prefix escaped"),
        ("encoded-all", "{open}/%2e%2e%2flocked%2f{mark}", "dots and slash escaped together"),
        ("backslash", "{open}/..\\locked/{mark}", "a backslash, which some servers take for a slash"),
        ("backslash-both", "{open}\\..\\locked\\{mark}", "backslashes only"),
        ("encoded-backslash", "{open}/..%5clocked/{mark}", "the backslash escaped"),
        ("double-encoded-dots", "{open}/%252e%252e/locked/{mark}", "escaped twice: two decoders in a row"),
        ("double-encoded-slash", "{open}/..%252flocked/{mark}", "the slash escaped twice"),
        ("double-encoded-backslash", "{open}/..%255clocked/{mark}", "the backslash escaped twice"),
        ("nested-encoding", "{open}/%%32%65%%32%65/locked/{mark}", "an escape made of escapes"),
        ("parameter", "{open}/..;/locked/{mark}", "an empty path parameter, cut off by servlet containers"),
        ("parameter-named", "{open}/..;a=b/locked/{mark}", "a path parameter behind the dots"),
        ("parameter-encoded", "{open}/..%3b/locked/{mark}", "the semicolon escaped"),
        ("overlong-slash", "{open}/..%c0%aflocked/{mark}", "a slash in two bytes of ill-formed UTF-8"),
        ("overlong-dots", "{open}/%c0%ae%c0%ae/locked/{mark}", "dots in ill-formed UTF-8"),
        ("overlong-raw", "{open}/..\u{C0}\u{AF}locked/{mark}", "the same bytes without escapes"),
        ("unicode-escape", "{open}/..%u002flocked/{mark}", "the %uXXXX escape of old servers"),
        (
            "fullwidth-slash", "{open}/..%ef%bc%8flocked/{mark}",
            "a character that best-fit mapping makes a slash"
        ),
        ("encoded-space", "{open}/..%20/locked/{mark}", "a space behind the dots, dropped by some servers"),
        ("encoded-newline", "{open}/..%0a/locked/{mark}", "a line feed behind the dots, dropped by some"),
        ("raw-tab", "{open}/..\t/locked/{mark}", "a tab inside the dot segment, dropped by URL parsers"),
        ("raw-nul", "{open}/..\u{0}/locked/{mark}", "a NUL, where C strings end"),
        ("encoded-nul", "{open}/{mark}%00/../../locked/{mark}", "an escaped NUL in front of the climb"),
        ("empty-segment-climb", "{open}//../locked/{mark}", "merging slashes first makes another path"),
        ("leading-slashes", "/{open}/../locked/{mark}", "two leading slashes and a climb"),
    ]

    /// The locked prefix, told so that a gateway may not recognise it.
    private static let hiding: [(String, String, String)] = [
        ("leading-slash", "/{open}/{mark}", "two leading slashes: a network path with another authority"),
        ("locked-doubled-slash", "{prefix}//locked/{mark}", "an empty segment before the locked name"),
        ("locked-letter-encoded", "{prefix}/%6cocked/{mark}", "an escaped letter of the locked name"),
        ("locked-all-encoded", "{prefix}/%6c%6f%63%6b%65%64/{mark}", "the whole name escaped"),
        ("locked-double-encoded", "{prefix}/%256cocked/{mark}", "one letter escaped twice"),
        ("locked-slash-encoded", "{prefix}%2flocked/{mark}", "the slash before the locked name escaped"),
        ("locked-parameter", "{prefix}/locked;x=1/{mark}", "a path parameter behind the locked name"),
        ("locked-dot", "{prefix}/./locked/{mark}", "a single dot segment before the locked name"),
        ("locked-backslash", "{prefix}\\locked/{mark}", "a backslash before the locked name"),
        ("locked-query-climb", "{locked}/{mark}?/../../open/x", "dots resolved before the query is cut off"),
        ("locked-fragment-climb", "{locked}/{mark}#/../../open/x", "dots resolved before the fragment is"),
        ("locked-encoded-query", "{locked}/{mark}%3f/../../open/x", "an escaped question mark in between"),
        ("locked-encoded-hash", "{locked}/{mark}%23/../../open/x", "an escaped hash in between"),
    ]

    private static let keyed: [(String, String, String)] = [
        ("keyed-escape", "{locked}/../outside/{mark}", "a key for one prefix used for its neighbour"),
        ("keyed-escape-encoded", "{locked}/%2e%2e/outside/{mark}", "the same with escaped dots"),
        ("keyed-escape-slash", "{locked}/..%2foutside/{mark}", "the same with an escaped slash"),
        ("keyed-escape-parameter", "{locked}/..;/outside/{mark}", "the same with a path parameter"),
    ]
}
