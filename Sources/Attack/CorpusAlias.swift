// Other spellings of the header by which the backend knows the caller. CGI, WSGI, Rack, PHP and others turn
// header names into variables and lose the difference between `-`, `_`, `.` and the rest.

extension Corpus {
    static let alias: [AttackCase] = {
        var table = CaseTable(.alias)
        for (name, spelling) in spellings {
            table.add(
                name, get("{open}/{mark}", "\(spelling): {evil}\r\n"),
                why: "a client names its own identity on a route without a key", "RFC 3875 §4.1.18; CWE-290")
            table.add(
                "keyed-" + name, get("{locked}/{mark}", "{auth}\(spelling): {evil}\r\n"), .keyed,
                why: "a client adds an identity of its choice to the one of its key",
                "RFC 3875 §4.1.18; CWE-290")
        }
        table.add(
            "keyed-twice", get("{locked}/{mark}", "{id}: {evil}\r\n{auth}{id}: {evil}\r\n"), .keyed,
            why: "removing one copy leaves the other", "CWE-290")
        table.add(
            "empty-value", get("{open}/{mark}", "{id}:\r\n"),
            why: "an empty copy is still a copy, and may be merged with the real one", "CWE-290")
        table.add(
            "keyed-empty-value", get("{locked}/{mark}", "{auth}{id}:\r\n"), .keyed,
            why: "an empty copy may win over the real one", "CWE-290")
        table.add(
            "trailer", post("Transfer-Encoding: chunked\r\nTrailer: {id}\r\n", "0\r\n{id}: {evil}\r\n\r\n"),
            why: "a trailer that the backend merges into the headers", "RFC 9110 §6.5.1; CWE-290")
        table.add(
            "trailer-underscore",
            post("Transfer-Encoding: chunked\r\nTrailer: {id_}\r\n", "0\r\n{id_}: {evil}\r\n\r\n"),
            why: "the same in another spelling", "RFC 9110 §6.5.1; CWE-290")
        return table.cases
    }()

    private static let spellings: [(String, String)] = [
        ("same", "{id}"), ("upper-case", "{ID}"), ("lower-case", "{iD}"), ("underscores", "{id_}"),
        ("dots", "{id.}"), ("underscore-hyphen", "{id_-}"), ("hyphen-underscore", "{id-_}"),
        ("dot-hyphen", "{id.-}"), ("underscore-dot", "{id_.}"), ("tildes", "{id~}"),
        ("exclamations", "{id!}"),
    ]
}
