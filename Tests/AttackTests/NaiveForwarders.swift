@testable import Attack

/// Gateways as they should not be, without sockets: what each would let through of a case's bytes. The corpus is
/// worth something only if every case gets past one of them and is found.
enum NaiveForwarder: CaseIterable {
    /// Looks at nothing, and adds the caller's identity behind the request line.
    case pipe
    /// Adds what a gateway adds, then removes what the client's Connection header names, and that header.
    case obedient
    /// Decodes the escapes of the target before it forwards.
    case decoder

    static let identity = Array("acme".utf8)

    func forward(_ bytes: [UInt8], _ attack: AttackCase, _ ground: Ground) -> [UInt8] {
        switch self {
        case .pipe: added(bytes, attack, ground)
        case .obedient: Self.withoutNamed(added(bytes, attack, ground))
        case .decoder: Self.withDecodedTarget(bytes)
        }
    }

    private func added(_ bytes: [UInt8], _ attack: AttackCase, _ ground: Ground) -> [UInt8] {
        guard attack.authority == .keyed, let end = Self.endOfLine(bytes, 0) else { return bytes }
        return bytes[..<end] + Array("\(ground.identityHeader): ".utf8) + Self.identity + [13, 10]
            + bytes[end...]
    }

    private static func withoutNamed(_ bytes: [UInt8]) -> [UInt8] {
        guard let start = endOfLine(bytes, 0) else { return bytes }
        let own = Array(
            "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\nX-Request-Id: 1\r\nVia: a\r\n"
                .utf8)
        let all = Array(bytes[..<start]) + own + bytes[start...]
        var lines: [[UInt8]] = []
        var index = start
        while let end = endOfLine(all, index), end > index + 2 {
            lines.append(Array(all[index..<end]))
            index = end
        }
        func name(_ line: [UInt8]) -> String {
            String(decoding: line.prefix { $0 != 0x3A }, as: UTF8.self).lowercased()
        }
        var named: Set<String> = ["connection"]
        for line in lines where name(line) == "connection" {
            for member in String(decoding: line.dropFirst(11), as: UTF8.self).split(separator: ",") {
                named.insert(member.filter { !$0.isWhitespace }.lowercased())
            }
        }
        return Array(all[..<start]) + lines.filter { !named.contains(name($0)) }.joined() + all[index...]
    }

    private static func withDecodedTarget(_ bytes: [UInt8]) -> [UInt8] {
        guard let first = bytes.firstIndex(of: 0x20), let end = endOfLine(bytes, 0),
            let last = bytes[..<end].lastIndex(of: 0x20), last > first
        else { return bytes }
        var target: [UInt8] = []
        var index = first + 1
        while index < last {
            if bytes[index] == 0x25, index + 2 < last,
                let byte = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                target.append(byte)
                index += 3
            } else {
                target.append(bytes[index])
                index += 1
            }
        }
        return Array(bytes[...first]) + target + bytes[last...]
    }

    /// Behind the CRLF of the line that begins at `start`.
    private static func endOfLine(_ bytes: [UInt8], _ start: Int) -> Int? {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == 13, bytes[index + 1] == 10 { return index + 2 }
            index += 1
        }
        return nil
    }
}
