// Feeds arbitrary bytes to the JSON parser. What it accepts must reach a fixed point at once — writing and
// parsing again gives the same tree and the same bytes — and the scanner must agree with the tree.

import Bytes
import JSON

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))

    var logged = ByteBuffer()
    logged.appendJSONString(input.span)
    precondition(JSONText.isValid(logged.bytes), "any bytes must become a valid string")

    guard let value = try? JSONValue(parsing: input.span) else { return 0 }
    let compact = value.compactBytes()
    guard let again = try? JSONValue(parsing: compact.span) else {
        preconditionFailure("what was written does not parse")
    }
    precondition(again == value, "parsing what was written gives another tree")
    precondition(again.compactBytes() == compact, "writing twice gives different bytes")

    guard let root = JSONScanner.root(of: compact.span) else {
        preconditionFailure("the scanner sees no value")
    }
    precondition(root.kind == value.kind && root.range == 0..<compact.count, "the scanner sees another value")
    for member in value.object?.members ?? [] {
        guard let slice = JSONScanner.member(member.name.span, of: root, in: compact.span) else {
            preconditionFailure("the scanner misses a member")
        }
        precondition(
            Array(compact[slice.range]) == member.value.compactBytes(), "the scanner finds another member")
    }
    return 0
}
