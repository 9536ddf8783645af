// `#expect` cannot look into an expression that holds a span, so the tests call these with arrays.

import Bytes
import JSON

func isValid(_ text: [UInt8]) -> Bool { JSONText.isValid(text.span) }

func compacted(_ text: [UInt8]) throws -> [UInt8] { try JSONText.compact(text.span) }

func parse(_ text: [UInt8]) throws -> JSONValue { try JSONValue(parsing: text.span) }

func lookUp(_ path: [[UInt8]], in json: [UInt8]) -> JSONSlice? { JSONScanner.find(path: path, in: json.span) }

func hasText(_ slice: JSONSlice, in json: [UInt8], _ other: String) -> Bool {
    let other = Array(other.utf8)
    return JSONScanner.text(of: slice, in: json.span, equals: other.span)
}

/// What `write` leaves in a fresh buffer.
func written(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
    var buffer = ByteBuffer()
    write(&buffer)
    return Array(copying: buffer.bytes)
}
