// Fuzzes path canonicalisation. For any bytes: a canonical path is a fixed point, is made of characters a
// path may hold, and has no dot segment or backslash in it however often it is decoded.

import Bytes
import HTTP1

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    for method in [HTTP1.Method.get, .options] {
        var first = ByteBuffer()
        guard
            case .canonical(let result) = RequestTarget.canonicalise(bytes.span, method: method, into: &first)
        else {
            precondition(first.isEmpty, "a refusal leaves bytes behind")
            continue
        }
        if let query = result.query {
            for index in query {
                precondition(bytes[index] > 0x20 && bytes[index] < 0x7F && bytes[index] != UInt8(ascii: "#"))
            }
        }
        if result.form == .asterisk { continue }
        let path = Array(copying: first.bytes)
        checkFixedPoint(path, result)
        var decoded = path
        for _ in 0..<4 {
            checkSegments(decoded)
            decoded = decodedOnce(decoded)
        }
    }
    return 0
}

private func checkFixedPoint(_ path: [UInt8], _ result: RequestTarget) {
    precondition(path.first == UInt8(ascii: "/"), "a path begins with a slash")
    precondition(path.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a path is printable ASCII")
    var second = ByteBuffer()
    guard case .canonical(let again) = RequestTarget.canonicalise(path.span, method: .get, into: &second)
    else {
        preconditionFailure("a canonical path is refused")
    }
    precondition(Array(copying: second.bytes) == path, "a canonical path changes")
    precondition(again.hasEmptySegments == result.hasEmptySegments, "a flag changes")
    precondition(again.hasEncodedSlash == result.hasEncodedSlash, "a flag changes")
}

private func checkSegments(_ path: [UInt8]) {
    precondition(!path.contains(UInt8(ascii: "\\")) && !path.contains(0), "a backslash or NUL is left")
    for segment in path.split(separator: UInt8(ascii: "/")) {
        let name = segment.prefix { $0 != UInt8(ascii: ";") }.filter { $0 != UInt8(ascii: " ") }
        precondition(name != [UInt8(ascii: ".")] && name != Array("..".utf8), "a dot segment is left")
    }
}

private func decodedOnce(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
        if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = Hex.value(bytes[index + 1]),
            let low = Hex.value(bytes[index + 2])
        {
            result.append(high << 4 | low)
            index += 3
        } else {
            result.append(bytes[index])
            index += 1
        }
    }
    return result
}
