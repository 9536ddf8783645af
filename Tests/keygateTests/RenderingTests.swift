import JSON
import Testing

@testable import keygate

@Suite("Tables for people")
struct RenderingTests {
    @Test("columns are as wide as their widest cell, and lines end at their last character")
    func table() {
        #expect(
            Table.text(["A", "LONG", "B"], [["x", "y", ""], ["xyz", "ü", "z"]])
                == "A    LONG  B\nx    y\nxyz  ü     z")
        #expect(Table.text(["A"], []) == "none")
    }

    @Test(
        "cells show what there is, and never a control character",
        arguments: [
            (nil, "-"), (.null, "-"), (true, "yes"), (false, "no"), ("text", "text"), (12, "12"), ([], "-"),
            (["a", "b"], "a,b"), (["k": 1], #"{"k":1}"#), ("\u{1B}[31mred\n", "\u{FFFD}[31mred\u{FFFD}"),
        ] as [(JSONValue?, String)])
    func cells(_ value: JSONValue?, _ text: String) {
        #expect(value.cell == text)
    }
}
