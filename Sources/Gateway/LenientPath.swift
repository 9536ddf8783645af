// The path as a backend may read it that reads more loosely than we do: escapes decoded whatever they stand
// for, parameters (`;x=1`) cut off as servlet containers do, spaces around a segment dropped. The canonical
// path is never this one; it is only asked whether the two lead to different rules, and then neither is
// taken: `/v1/db%3Adrop` must not get past the rule for `/v1/db:drop`.

import Bytes

enum LenientPath {
    /// Whether a path has anything that could be read another way.
    static func isNeeded(_ path: Span<UInt8>) -> Bool {
        for index in path.indices where path[index] == UInt8(ascii: "%") || path[index] == UInt8(ascii: ";") {
            return true
        }
        return false
    }

    /// Appends the loose reading. An encoded slash stays encoded: routes that allow one mean it as data.
    static func append(_ path: Span<UInt8>, to buffer: inout ByteBuffer) {
        var index = 0
        while index < path.count {
            let byte = path[index]
            if byte == UInt8(ascii: ";") {
                while index < path.count, path[index] != UInt8(ascii: "/") { index += 1 }
            } else if byte == UInt8(ascii: "%"), index + 2 < path.count,
                let high = Hex.value(path[index + 1]), let low = Hex.value(path[index + 2]),
                high << 4 | low != UInt8(ascii: "/")
            {
                let decoded = high << 4 | low
                let isAtStart = index > 0 && path[index - 1] == UInt8(ascii: "/")
                let isAtEnd = index + 3 == path.count || path[index + 3] == UInt8(ascii: "/")
                if decoded != 0x20 || !(isAtStart || isAtEnd) { buffer.append(decoded) }
                index += 3
            } else {
                buffer.append(byte)
                index += 1
            }
        }
    }
}
