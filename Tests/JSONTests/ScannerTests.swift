import Bytes
import JSON
import Testing

@Suite("Look-ups in stored JSON")
struct ScannerTests {
    static let text =
        #"{"plan":"pro","seats":12.50,"a\"b":true,"r\u00e9g":{"x":null,"":[1,"}]\"",{"k":false}]},"é":"\ud83d\ude00!"}"#

    static func find(_ path: [String], in text: String = text) -> (kind: JSONKind, raw: String)? {
        let bytes = Array(text.utf8)
        guard let slice = lookUp(path.map { Array($0.utf8) }, in: bytes) else { return nil }
        return (slice.kind, String(decoding: bytes[slice.range], as: UTF8.self))
    }

    @Test(
        "a path finds the raw value",
        arguments: [
            (["plan"], .string, "\"pro\""), (["seats"], .number, "12.50"), (["a\"b"], .true, "true"),
            (["rég", "x"], .null, "null"), (["rég", ""], .array, #"[1,"}]\"",{"k":false}]"#),
            (["é"], .string, #""\ud83d\ude00!""#),
        ] as [([String], JSONKind, String)])
    func finds(_ path: [String], _ kind: JSONKind, _ raw: String) {
        let found = Self.find(path)
        #expect(found?.kind == kind)
        #expect(found?.raw == raw)
    }

    @Test(
        "a path that leads nowhere finds nothing",
        arguments: [
            ["missing"], ["plan", "x"], ["rég", "x", "y"], ["pla"], ["plans"], ["x"], ["k"],
        ])
    func misses(_ path: [String]) {
        #expect(Self.find(path) == nil)
    }

    @Test("the empty path is the whole value")
    func root() {
        #expect(Self.find([])?.raw == Self.text)
        #expect(Self.find([], in: "17")?.kind == .number)
    }

    @Test("strings are unescaped into a buffer and compared unescaped")
    func strings() throws {
        let bytes = Array(Self.text.utf8)
        let slice = try #require(lookUp([Array("é".utf8)], in: bytes))
        #expect(written { JSONScanner.appendText(of: slice, in: bytes.span, to: &$0) } == Array("😀!".utf8))
        #expect(hasText(slice, in: bytes, "😀!"))
        #expect(!hasText(slice, in: bytes, "😀"))
        #expect(!hasText(slice, in: bytes, "😀!!"))
    }

    @Test("elements come in order, until the caller has enough")
    func elements() throws {
        let bytes = Array(#"["a",2,[3,4],{"b":5},null]"#.utf8)
        let array = try #require(lookUp([], in: bytes))
        var raw: [String] = []
        JSONScanner.forEachElement(of: array, in: bytes.span) { element in
            raw.append(String(decoding: bytes[element.range], as: UTF8.self))
            return element.kind != .object
        }
        #expect(raw == ["\"a\"", "2", "[3,4]", "{\"b\":5}"])
        let empty = Array("[]".utf8)
        JSONScanner.forEachElement(of: try #require(lookUp([], in: empty)), in: empty.span) { _ in
            Issue.record("an empty array has no elements")
            return true
        }
    }

    @Test("agrees with the parser on every member of a tree")
    func agreesWithParser() throws {
        let value = try JSONValue(parsing: Self.text)
        let compact = value.compactBytes()
        for member in value.object?.members ?? [] {
            let slice = try #require(lookUp([member.name], in: compact))
            #expect(Array(compact[slice.range]) == member.value.compactBytes())
            #expect(slice.kind == member.value.kind)
        }
    }

    @Test("damaged bytes find nothing and never trap")
    func damage() {
        let bytes = Array(Self.text.utf8)
        let path = [Array("rég".utf8), Array("".utf8)]
        for end in 0..<bytes.count {
            _ = JSONScanner.find(path: path, in: bytes.span.extracting(0..<end))
        }
        for index in bytes.indices {
            for value in UInt8.min...UInt8.max {
                var damaged = bytes
                damaged[index] = value
                guard let slice = JSONScanner.find(path: path, in: damaged.span) else { continue }
                #expect(slice.range.upperBound <= damaged.count)
                JSONScanner.forEachElement(of: slice, in: damaged.span) { element in
                    element.range.upperBound <= damaged.count
                }
            }
        }
    }
}
