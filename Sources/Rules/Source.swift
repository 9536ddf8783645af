// The texts a configuration is read from, and the way back from a byte to "file, line, column".
//
// Rules reads no files itself: the caller passes a `SourceReader`. What the reader answered is recorded, so
// that the same configuration can be compiled again, once for each event loop, without asking the disk or
// the environment a second time and possibly getting another answer.

import Bytes

/// How configuration text, the files a pattern names, and the environment are reached.
public struct SourceReader {
    public let read: (_ path: String) throws(SourceError) -> [UInt8]
    /// The paths that a pattern with `*`, `?` or `[` names, sorted; none is not an error.
    public let glob: (_ pattern: String) -> [String]
    public let environment: (_ name: String) -> String?

    public init(
        read: @escaping (_ path: String) throws(SourceError) -> [UInt8],
        glob: @escaping (_ pattern: String) -> [String],
        environment: @escaping (_ name: String) -> String?
    ) {
        self.read = read
        self.glob = glob
        self.environment = environment
    }
}

/// Why a file could not be read, in words such as "no such file or directory".
public struct SourceError: Error, Sendable {
    public let reason: String
    public init(reason: String) { self.reason = reason }
}

/// Where something stands: line and column count from 1, columns in Unicode scalars.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    public let file: String
    public let line: Int
    public let column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    public var description: String { "\(file):\(line):\(column)" }
}

/// A run of bytes in one of the files.
struct Place {
    let file: Int
    let range: Range<Int>

    /// From the start of this place to the end of `other`, which must be later in the same file.
    func through(_ other: Place) -> Place {
        Place(file: file, range: range.lowerBound..<max(range.upperBound, other.range.upperBound))
    }

    /// The empty place behind this one.
    var end: Place { Place(file: file, range: range.upperBound..<range.upperBound) }
}

struct SourceFile {
    let path: String
    let bytes: [UInt8]
    private let lineStarts: [Int]

    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var starts = [0]
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") { starts.append(index + 1) }
        lineStarts = starts
    }

    /// Zero-based index of the line that holds `offset`.
    private func lineIndex(of offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }

    func location(of offset: Int) -> SourceLocation {
        let line = lineIndex(of: offset)
        let before = bytes[lineStarts[line]..<min(offset, bytes.count)]
        return SourceLocation(file: path, line: line + 1, column: scalarCount(before) + 1)
    }

    func excerpt(of range: Range<Int>) -> SourceExcerpt {
        let line = lineIndex(of: range.lowerBound)
        let start = lineStarts[line]
        var end = line + 1 < lineStarts.count ? lineStarts[line + 1] - 1 : bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        let first = min(range.lowerBound, end)
        let marked = first..<max(first, min(range.upperBound, end))
        return SourceExcerpt(
            location: location(of: range.lowerBound),
            line: String(decoding: bytes[start..<end], as: UTF8.self),
            indent: String(
                bytes[start..<first].filter(isScalarStart).map { $0 == UInt8(ascii: "\t") ? "\t" : " " }),
            length: max(1, scalarCount(bytes[marked])))
    }

    private func isScalarStart(_ byte: UInt8) -> Bool { byte & 0xC0 != 0x80 }

    private func scalarCount(_ run: ArraySlice<UInt8>) -> Int {
        var count = 0
        for byte in run where isScalarStart(byte) { count += 1 }
        return count
    }
}

/// What a reader answered while a configuration was compiled.
struct SourceRecord: Sendable {
    var files: [String: [UInt8]] = [:]
    var globs: [String: [String]] = [:]
    var environment: [String: String?] = [:]

    /// Answers from the record alone; strings and bytes are copied, so that nothing compiled from the answers
    /// shares memory with what another thread compiled from them.
    var replaying: SourceReader {
        SourceReader(
            read: { path throws(SourceError) in
                guard let bytes = files[path] else {
                    throw SourceError(reason: "not among the files read before")
                }
                return Array(copying: bytes.span)
            },
            glob: { (globs[$0] ?? []).map(Self.copy) },
            environment: { (environment[$0] ?? nil).map(Self.copy) })
    }

    private static func copy(_ text: String) -> String { String(decoding: Array(text.utf8), as: UTF8.self) }
}
