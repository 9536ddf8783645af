// What is known about the caller, as text in a header. The backend reads these values as the truth, so none
// of them may be able to end its line, look like two values where it is one, or be left to the charset of
// whoever reads it.

import Bytes
import JSON
import Keys
import Rules
import Upstream

enum CallerText {
    /// Writes the field's value into the open line. False if there is none: the header is then left out.
    static func append(
        _ field: CallerField, _ metaPath: [[UInt8]], of key: KeyView, to lines: inout HeaderLines,
        scratch: inout ByteBuffer
    ) -> Bool {
        switch field {
        case .keyID:
            key.withID { append(text: $0, to: &lines) }
            return true
        case .keyName:
            guard key.hasName else { return false }
            key.withName { append(text: $0, to: &lines) }
            return true
        case .keyPermissions:
            var isFirst = true
            key.forEachPermission { append(element: $0, isFirst: &isFirst, to: &lines) }
            return !isFirst
        case .keyRoles:
            var isFirst = true
            key.forEachRole { append(element: $0, isFirst: &isFirst, to: &lines) }
            return !isFirst
        case .keyMeta:
            return key.withMeta { append(json: $0, metaPath, to: &lines, scratch: &scratch) }
        case .identityID:
            guard let identity = key.identity else { return false }
            identity.withID { append(text: $0, to: &lines) }
            return true
        case .identityExternalID:
            guard let identity = key.identity else { return false }
            identity.withExternalID { append(text: $0, to: &lines) }
            return true
        case .identityMeta:
            guard let identity = key.identity else { return false }
            return identity.withMeta { append(json: $0, metaPath, to: &lines, scratch: &scratch) }
        }
    }

    /// Printable ASCII as it is; anything else as percent-encoded UTF-8, `%` included, so that decoding
    /// gives the text back.
    private static func append(text: Span<UInt8>, to lines: inout HeaderLines) {
        var isPlain = true
        for index in text.indices where !ASCII.isPrintable(text[index]) { isPlain = false }
        // A space at either end would be taken for padding of the header value.
        if !text.isEmpty, text[0] == 0x20 || text[text.count - 1] == 0x20 { isPlain = false }
        if isPlain { return lines.value(text) }
        append(encoding: text, alsoEncoding: UInt8(ascii: "%"), to: &lines)
    }

    /// An element of a list: a comma inside it is encoded, so that one element stays one.
    private static func append(element: Span<UInt8>, isFirst: inout Bool, to lines: inout HeaderLines) {
        if !isFirst { lines.value(UInt8(ascii: ",")) }
        isFirst = false
        var hasComma = false
        for index in element.indices where element[index] == UInt8(ascii: ",") { hasComma = true }
        if hasComma {
            append(encoding: element, alsoEncoding: UInt8(ascii: ","), to: &lines)
        } else {
            append(text: element, to: &lines)
        }
    }

    private static func append(
        encoding text: Span<UInt8>, alsoEncoding special: UInt8, to lines: inout HeaderLines
    ) {
        for index in text.indices {
            let byte = text[index]
            let isEdgeSpace = byte == 0x20 && (index == 0 || index == text.count - 1)
            if ASCII.isPrintable(byte), byte != special, byte != UInt8(ascii: "%"), !isEdgeSpace {
                lines.value(byte)
            } else {
                lines.value(UInt8(ascii: "%"))
                lines.value(Hex.upperDigit(byte >> 4))
                lines.value(Hex.upperDigit(byte & 15))
            }
        }
    }

    private static func append(
        json: Span<UInt8>, _ path: [[UInt8]], to lines: inout HeaderLines, scratch: inout ByteBuffer
    ) -> Bool {
        guard let slice = JSONScanner.find(path: path, in: json) else { return false }
        switch slice.kind {
        case .null:
            return false
        case .number, .true, .false:
            lines.value(json.extracting(slice.range))
        case .string:
            scratch.removeAll()
            JSONScanner.appendText(of: slice, in: json, to: &scratch)
            append(text: scratch.bytes, to: &lines)
        case .object:
            scratch.removeAll()
            scratch.appendJSONInASCII(json.extracting(slice.range))
            lines.value(scratch.bytes)
        case .array:
            var isFirst = true
            JSONScanner.forEachElement(of: slice, in: json) { element in
                scratch.removeAll()
                if element.kind == .string {
                    JSONScanner.appendText(of: element, in: json, to: &scratch)
                } else {
                    scratch.appendJSONInASCII(json.extracting(element.range))
                }
                append(element: scratch.bytes, isFirst: &isFirst, to: &lines)
                return true
            }
        }
        return true
    }
}
