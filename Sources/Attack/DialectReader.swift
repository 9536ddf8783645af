// Cuts the bytes of one connection into requests, the way one dialect does. It shares no code with the
// gateway's own parser: a judge that made the same mistake would not see it.

/// Reads recorded bytes in one dialect.
struct DialectReader {
    private let bytes: [UInt8]
    private let dialect: Dialect
    private var index = 0

    /// More requests than this in one recording are not counted further.
    private static let mostRequests = 16

    static func read(_ bytes: [UInt8], as dialect: Dialect) -> Reading {
        var reader = DialectReader(bytes: bytes, dialect: dialect)
        return reader.readAll()
    }

    private init(bytes: [UInt8], dialect: Dialect) {
        self.bytes = bytes
        self.dialect = dialect
    }

    private mutating func readAll() -> Reading {
        var reading = Reading()
        while reading.requests.count < Self.mostRequests {
            skipEmptyLines()
            let start = index
            if start == bytes.count { break }
            guard let request = readRequest() else {
                // Refused, or not whole: what is there would still be read before whatever comes next, unless
                // the connection ends with it, as it does to a strict reader.
                if !dialect.isStrict, !reading.requests.isEmpty { reading.leftover = Array(bytes[start...]) }
                break
            }
            reading.requests.append(request)
            if !request.isComplete { break }
        }
        return reading
    }

    private mutating func skipEmptyLines() {
        while index < bytes.count, bytes[index] == 0x0D || bytes[index] == 0x0A { index += 1 }
    }

    // MARK: Head

    private mutating func readRequest() -> ReadRequest? {
        guard let line = readLine(dialect.lineEnd), var request = requestLine(line) else { return nil }
        // HTTP/0.9: the line is all there is.
        if request.version.isEmpty {
            request.isComplete = true
            return dialect.isStrict ? nil : request
        }
        guard let fields = readFields() else { return nil }
        request.fields = fields
        request.isComplete = readBody(&request)
        return dialect.isStrict && !isWellFormed(request) ? nil : request
    }

    private func requestLine(_ line: [UInt8]) -> ReadRequest? {
        var request = ReadRequest()
        if dialect.isStrict {
            let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
            guard words.count == 3 else { return nil }
            request.method = Array(words[0])
            request.target = Array(words[1])
            request.version = Array(words[2])
            return request
        }
        let words = line.split { Self.isBlank($0) }
        guard let method = words.first else { return nil }
        request.method = Array(method)
        guard words.count > 1 else { return request }
        if dialect.wideTarget, words.count > 2 {
            request.target = Array(line[words[1].startIndex..<words[words.count - 2].endIndex])
        } else {
            request.target = Array(words[1])
        }
        if words.count > 2 { request.version = Array(words[words.count - 1]) }
        if dialect.endsAtNUL { request.target = Self.upToNUL(request.target) }
        return request
    }

    /// Fields up to the empty line; nil if it has not come, or the dialect refuses one.
    private mutating func readFields() -> [ReadField]? {
        var fields: [ReadField] = []
        while let line = readLine(dialect.lineEnd) {
            guard let first = line.first else { return fields }
            if Self.isBlank(first), !dialect.foldIsHeader {
                if dialect.isStrict { return nil }
                if let last = fields.popLast() {
                    let joined = last.value + [0x20] + line.drop { Self.isBlank($0) }
                    fields.append(ReadField(name: last.name, value: Self.trimmed(joined)))
                }
                continue
            }
            guard let colon = line.firstIndex(of: 0x3A) else {
                if dialect.isStrict { return nil }
                continue
            }
            let name = Array(line[..<colon])
            if dialect.isStrict, !Self.isToken(name) { return nil }
            var value = Self.trimmed(Array(line[(colon + 1)...]))
            if dialect.endsAtNUL { value = Self.upToNUL(value) }
            let edged = dialect.isStrict || dialect.keepsNameEdges
            fields.append(ReadField(name: edged ? name : Self.trimmed(name), value: value))
        }
        return nil
    }

    private func isWellFormed(_ request: ReadRequest) -> Bool {
        Self.isToken(request.method) && request.version.starts(with: Array("HTTP/1.".utf8))
            && request.fields.allSatisfy { field in
                field.value.allSatisfy { $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }
            }
    }

    // MARK: Body

    /// Moves behind the body; false if its end has not come. Trailers become fields.
    private mutating func readBody(_ request: inout ReadRequest) -> Bool {
        let codings = values("transfer-encoding", request)
        let lengths = values("content-length", request)
        let isOld = request.version == Array("HTTP/1.0".utf8)
        let isExact = codings.count == 1 && Self.lower(codings[0]) == Array("chunked".utf8)
        let isLoose = codings.contains { Self.contains("chunked", in: Self.lower($0)) }
        let chunked =
            switch dialect.framing {
            case .strict: isExact && lengths.isEmpty && !isOld
            case .looseCoding: isLoose
            case .firstLength: isLoose && lengths.isEmpty
            case .lastLength: codings.contains { Self.lower($0) == Array("chunked".utf8) }
            }
        if dialect.isStrict {
            // Two framings, or one that is not plain: the connection ends here, and nothing is behind it.
            if !codings.isEmpty, !chunked { return false }
            if lengths.count > 1 || lengths.contains(where: { !Self.isPlainNumber($0) }) { return false }
        }
        if chunked, !(dialect.oldIsUnchunked && isOld) { return readChunks(&request) }
        guard let text = dialect.framing == .lastLength ? lengths.last : lengths.first,
            let length = length(text)
        else { return true }
        guard length <= bytes.count - index else {
            index = bytes.count
            return false
        }
        index += length
        return true
    }

    private func length(_ text: [UInt8]) -> Int? {
        let part: [UInt8]
        if dialect.framing == .lastLength {
            part = Self.trimmed(
                text.split(separator: 0x2C, omittingEmptySubsequences: false).last.map(Array.init) ?? [])
        } else {
            part = text
        }
        if Self.isPlainNumber(part), part.count < 19 { return number(part, radix: 10) }
        return dialect.numbers == .none ? nil : number(part, radix: 10)
    }

    private mutating func readChunks(_ request: inout ReadRequest) -> Bool {
        while true {
            guard let line = readLine(dialect.chunkLineEnd ?? dialect.lineEnd) else { return false }
            let text = Array(line.prefix { $0 != 0x3B })
            if dialect.isStrict, !Self.isHexadecimal(text) { return false }
            let size = number(text, radix: 16)
            if size == 0 {
                guard let trailers = readFields() else { return false }
                request.fields += trailers
                return true
            }
            guard size <= bytes.count - index else {
                index = bytes.count
                return false
            }
            index += size
            if !skipChunkEnd() { return false }
        }
    }

    private mutating func skipChunkEnd() -> Bool {
        if dialect.skipsChunkEnd {
            index = min(bytes.count, index + 2)
            return true
        }
        guard let line = readLine(dialect.lineEnd) else { return false }
        return line.isEmpty
    }

    /// What a number says to this dialect. Saturates where it does not wrap.
    private func number(_ text: [UInt8], radix: UInt64) -> Int {
        var value: UInt64 = 0
        var saturated = false
        for byte in text.drop(while: { Self.isBlank($0) || $0 == 0x2B || $0 == 0x2D || $0 == 0x22 }) {
            guard let digit = Self.digit(byte), digit < radix else { break }
            let (product, overflow) = value.multipliedReportingOverflow(by: radix)
            saturated = saturated || overflow
            value = product &+ digit
        }
        switch dialect.numbers {
        case .wrapped32: return Int(UInt32(truncatingIfNeeded: value))
        case .wrapped64: return Int(value & UInt64(Int.max))
        case .leadingDigits, .none: return saturated ? Int.max : Int(min(value, UInt64(Int.max)))
        }
    }

    // MARK: Lines

    /// The next line without its end; nil if the end has not come, or the dialect refuses what is in it.
    private mutating func readLine(_ end: Dialect.LineEnd) -> [UInt8]? {
        var position = index
        while position < bytes.count {
            switch bytes[position] {
            case 0x0A:
                let hasReturn = position > index && bytes[position - 1] == 0x0D
                if end != .crlf || hasReturn {
                    return takeLine(to: hasReturn ? position - 1 : position, next: position + 1)
                }
                if dialect.isStrict { return nil }
            case 0x0D where end == .either:
                let isPair = position + 1 < bytes.count && bytes[position + 1] == 0x0A
                return takeLine(to: position, next: position + (isPair ? 2 : 1))
            case 0x0D where dialect.isStrict:
                if position + 1 < bytes.count, bytes[position + 1] != 0x0A { return nil }
            default:
                break
            }
            position += 1
        }
        return nil
    }

    private mutating func takeLine(to end: Int, next: Int) -> [UInt8] {
        let line = Array(bytes[index..<end])
        index = next
        return line
    }

    // MARK: Bytes

    /// Values of the fields of a name; to loose dialects also of names that only look like it.
    private func values(_ name: String, _ request: ReadRequest) -> [[UInt8]] {
        let wanted = Array(name.utf8)
        let isLoose = dialect.framing == .looseCoding
        return request.fields.filter { field in
            let lower = Self.lower(field.name)
            return lower == wanted || (isLoose && lower.map { $0 == 0x5F ? 0x2D : $0 } == wanted)
        }.map(\.value)
    }

    static func lower(_ bytes: [UInt8]) -> [UInt8] { bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 } }

    static func contains(_ text: String, in bytes: [UInt8]) -> Bool {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty, bytes.count >= wanted.count else { return false }
        for start in 0...(bytes.count - wanted.count) where bytes[start] == wanted[0] {
            if bytes[start..<start + wanted.count].elementsEqual(wanted) { return true }
        }
        return false
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    /// Without control characters and spaces at either end.
    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        var rest = bytes[...]
        while let first = rest.first, first <= 0x20 { rest.removeFirst() }
        while let last = rest.last, last <= 0x20 { rest.removeLast() }
        return Array(rest)
    }

    private static func upToNUL(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.prefix { $0 != 0 }) }

    private static func isToken(_ bytes: [UInt8]) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A && byte < 0x80)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    private static func isPlainNumber(_ text: [UInt8]) -> Bool {
        !text.isEmpty && text.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    private static func isHexadecimal(_ text: [UInt8]) -> Bool {
        !text.isEmpty && text.count <= 8 && text.allSatisfy { digit($0) != nil }
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }
}
