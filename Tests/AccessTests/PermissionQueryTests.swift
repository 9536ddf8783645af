import Access
import Bytes
import Testing

@Suite("Permission queries")
struct PermissionQueryTests {
    /// A key's permissions, and how often it was asked.
    private struct Holder: PermissionHolder {
        let names: Set<String>
        func holds(_ name: PermissionName) -> Bool { names.contains(name.description) }
    }

    private static func query(_ text: String) throws(PermissionQueryError) -> PermissionQuery {
        let bytes = Array(text.utf8)
        return try PermissionQuery(parsing: bytes.span)
    }

    struct Evaluation: Sendable, CustomTestStringConvertible {
        let label: String
        let query: String
        let held: [String]
        let isSatisfied: Bool
        var testDescription: String { label }
    }

    @Test(
        "are satisfied by",
        arguments: [
            Evaluation(
                label: "a held permission", query: "docs.read", held: ["docs.read"], isSatisfied: true),
            Evaluation(
                label: "not by another one", query: "docs.read", held: ["docs.write"], isSatisfied: false),
            Evaluation(
                label: "not by another letter case", query: "docs.read", held: ["Docs.read"],
                isSatisfied: false),
            Evaluation(
                label: "not by a wildcard that is held", query: "docs.read", held: ["docs.*"],
                isSatisfied: false),
            Evaluation(
                label: "a wildcard only by itself", query: "docs.*", held: ["docs.*"], isSatisfied: true),
            Evaluation(
                label: "not by what a wildcard might stand for", query: "docs.*", held: ["docs.read"],
                isSatisfied: false),
            Evaluation(label: "both sides of AND", query: "a AND b", held: ["a", "b"], isSatisfied: true),
            Evaluation(label: "not one side of AND", query: "a AND b", held: ["b"], isSatisfied: false),
            Evaluation(label: "the left side of OR", query: "a OR b", held: ["a"], isSatisfied: true),
            Evaluation(label: "the right side of OR", query: "a OR b", held: ["b"], isSatisfied: true),
            Evaluation(
                label: "OR before AND: the left alone", query: "a OR b AND c", held: ["a"], isSatisfied: true),
            Evaluation(
                label: "OR before AND: half of the right is not enough", query: "a OR b AND c", held: ["c"],
                isSatisfied: false),
            Evaluation(
                label: "AND before OR: the right alone", query: "a AND b OR c", held: ["c"], isSatisfied: true
            ),
            Evaluation(label: "parentheses first", query: "(a OR b) AND c", held: ["a"], isSatisfied: false),
            Evaluation(
                label: "parentheses and the rest", query: "(a OR b) AND c", held: ["b", "c"],
                isSatisfied: true),
            Evaluation(
                label: "keywords in any letter case", query: "a oR b aNd c", held: ["b", "c"],
                isSatisfied: true),
            Evaluation(
                label: "a name that begins with a keyword", query: "ANDROID", held: ["ANDROID"],
                isSatisfied: true),
            Evaluation(
                label: "a name with a keyword in it", query: "or.read", held: ["or.read"], isSatisfied: true),
            Evaluation(label: "a slash in a name", query: "a/b", held: ["a/b"], isSatisfied: true),
            Evaluation(label: "any white space around", query: "\t(\r\na)\n", held: ["a"], isSatisfied: true),
            Evaluation(
                label: "no blanks around parentheses", query: "(a)AND(b)", held: ["a", "b"], isSatisfied: true
            ),
        ])
    func evaluation(_ row: Evaluation) throws {
        let query = try Self.query(row.query)
        #expect(query.isSatisfied(by: Holder(names: Set(row.held))) == row.isSatisfied)
    }

    @Test(
        "are printed in one spelling",
        arguments: [
            ("a", "a"), ("((a))", "a"), ("a and b or c", "a AND b OR c"),
            ("a and (b or c)", "a AND (b OR c)"),
            ("(a or b) and c", "(a OR b) AND c"), ("a or b or c", "a OR b OR c"),
            ("a or (b or c)", "a OR (b OR c)"),
            ("(a and b) or c", "a AND b OR c"),
        ])
    func printing(_ text: String, _ printed: String) throws {
        #expect(try Self.query(text).description == printed)
        #expect(try Self.query(printed).description == printed)
    }

    @Test("list their permissions in order") func leaves() throws {
        let query = try Self.query("a AND (b OR c) OR a")
        #expect(query.leaves.map(\.description) == ["a", "b", "c", "a"])
    }

    @Test(
        "are refused with the place and the reason",
        arguments: [
            ("", "the permission query is empty; expected a permission or \"(\" at position 0"),
            (" \t\r\n", "the permission query is empty; expected a permission or \"(\" at position 0"),
            ("a AND", "expected a permission or \"(\", found the end of the query at position 5"),
            ("a OR ", "expected a permission or \"(\", found the end of the query at position 5"),
            ("AND a", "expected a permission or \"(\", found \"AND\" at position 0"),
            ("or", "expected a permission or \"(\", found \"or\" at position 0"),
            ("a AND OR b", "expected a permission or \"(\", found \"OR\" at position 6"),
            ("a b", "expected AND or OR, found \"b\" at position 2"),
            ("(a b)", "expected AND or OR, found \"b\" at position 3"),
            ("a (b)", "expected AND or OR, found \"(\" at position 2"),
            ("()", "expected a permission or \"(\", found \")\" at position 1"),
            ("(a", "expected \")\" for this \"(\", found the end of the query at position 0"),
            ("a AND ((b)", "expected \")\" for this \"(\", found the end of the query at position 6"),
            ("a)", "expected AND, OR or the end of the query, found \")\" without its \"(\" at position 1"),
            (")", "expected a permission or \"(\", found \")\" at position 0"),
            ("a & b", "expected letters, digits or one of . _ - : * /, found \"&\" at position 2"),
            ("a,b", "expected letters, digits or one of . _ - : * /, found \",\" at position 1"),
            (
                "\u{e9}t\u{e9}",
                "expected letters, digits or one of . _ - : * /, found byte 0xc3 at position 0"
            ),
            ("a\u{0}", "expected letters, digits or one of . _ - : * /, found byte 0x00 at position 1"),
        ])
    func refusals(_ text: String, _ message: String) {
        #expect(throws: PermissionQueryError.self) { try Self.query(text) }
        do {
            _ = try Self.query(text)
        } catch {
            #expect(error.description == message)
        }
    }

    @Test("may have 1000 characters and not one more") func length() throws {
        _ = try Self.query(String(repeating: "a", count: 1000))
        let error = #expect(throws: PermissionQueryError.self) {
            try Self.query(String(repeating: "a", count: 1001))
        }
        #expect(
            error?.description == "the permission query is 1001 characters, limit is 1000 at position 1000")
    }

    @Test("nest as deep as their length allows") func depth() throws {
        let query = try Self.query(
            String(repeating: "(", count: 499) + "a" + String(repeating: ")", count: 499))
        #expect(query.isSatisfied(by: Holder(names: ["a"])))
    }

    @Test("cut at any byte, are understood or refused, never worse") func truncated() {
        let text = Array("(a.b AND c/d) or (E:* AND (f_g OR h-i))".utf8)
        for count in 0...text.count { _ = try? PermissionQuery(parsing: text.span.extracting(0..<count)) }
    }

    @Test("agree with a straightforward evaluation of random trees", arguments: 0..<200 as Range<UInt64>)
    func random(_ seed: UInt64) throws {
        var generator = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
        let tree = RandomTree(&generator, depth: 5)
        let query = try Self.query(tree.text)
        for mask in 0..<16 {
            let held = Set((0..<4).filter { mask & (1 << $0) != 0 }.map { "p\($0)" })
            #expect(
                query.isSatisfied(by: Holder(names: held)) == tree.holds(held), "\(tree.text) for \(held)")
        }
    }
}

/// SplitMix64: the same numbers in every run.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

private indirect enum RandomTree {
    case leaf(Int)
    case and(RandomTree, RandomTree)
    case or(RandomTree, RandomTree)

    init(_ generator: inout Generator, depth: Int) {
        switch depth == 0 ? 0 : Int.random(in: 0..<3, using: &generator) {
        case 0: self = .leaf(Int.random(in: 0..<4, using: &generator))
        case 1:
            self = .and(RandomTree(&generator, depth: depth - 1), RandomTree(&generator, depth: depth - 1))
        default:
            self = .or(RandomTree(&generator, depth: depth - 1), RandomTree(&generator, depth: depth - 1))
        }
    }

    var text: String {
        switch self {
        case .leaf(let index): "p\(index)"
        case .and(let left, let right): "(\(left.text) AND \(right.text))"
        case .or(let left, let right): "(\(left.text) or \(right.text))"
        }
    }

    func holds(_ held: Set<String>) -> Bool {
        switch self {
        case .leaf(let index): held.contains("p\(index)")
        case .and(let left, let right): left.holds(held) && right.holds(held)
        case .or(let left, let right): left.holds(held) || right.holds(held)
        }
    }
}
