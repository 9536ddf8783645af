import Glibc

/// Bytes whose order matters: a block repeated whole would hide a block lost or sent twice.
func payload(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15 &+ UInt64(count)
    // One xorshift word every eight bytes: fast enough for megabytes in a debug build.
    while bytes.count < min(count, 1 << 16) {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        unsafe withUnsafeBytes(of: state) { unsafe bytes.append(contentsOf: $0) }
    }
    var block = UInt8(0)
    let pattern = bytes
    while bytes.count < count {
        block &+= 1
        bytes.append(block)
        bytes += pattern
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}

/// `==` on arrays compares element by element, which a debug build does at 20 MB/s.
func same(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    unsafe left.count == right.count && memcmp(left, right, left.count) == 0
}

/// The body as chunks of the given sizes, again and again, then the end.
func chunked(_ body: [UInt8], sizes: [Int], trailers: String = "") -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + body.count / 16)
    var start = 0
    var turn = 0
    while start < body.count {
        let size = min(sizes[turn % sizes.count], body.count - start)
        bytes += Array("\(String(size, radix: 16))\r\n".utf8)
        bytes += body[start..<start + size]
        bytes += [13, 10]
        start += size
        turn += 1
    }
    return bytes + Array("0\r\n\(trailers)\r\n".utf8)
}
