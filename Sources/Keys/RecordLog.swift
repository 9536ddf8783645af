// A file of records that are appended and read back at the next start: for what is worth keeping but is not
// the store itself, and so may lose its last second in a crash. The bytes of a record mean something to its
// owner only; here each has a head
//
//     0 u32 marker   4 u32 length   8 u32 CRC-32C of marker, length and bytes
//
// and whatever follows the last whole record is cut off when the file is opened. `replace` writes a new file
// beside the old one and moves it over it, so a crash leaves one or the other.

import Bytes
import Reactor

/// An open file of records. Belongs to one thread.
public struct RecordLog: ~Copyable {
    private static let headLength = 12
    // "KGu" and a byte that is no text.
    private static let marker: UInt32 = 0xF5_75_47_4B

    private let directory: String
    private let path: String
    private let disk: Disk
    private var file: FileDescriptor
    /// Bytes of whole records in the file.
    public private(set) var length: Int
    /// Bytes that were cut off when the file was opened.
    public let cutByteCount: Int

    /// Opens `name` in `directory`, which must exist, and calls `body` with every record in it. A file that
    /// does not exist is created. `body` returns false for a record that makes no sense to it: that and
    /// everything behind it is cut off.
    public init(
        _ name: String, in directory: String, _ body: (Span<UInt8>) -> Bool
    ) throws(StoreFileError) {
        try self.init(name, in: directory, Disk(), body)
    }

    init(_ name: String, in directory: String, _ disk: Disk, _ body: (Span<UInt8>) -> Bool)
        throws(StoreFileError)
    {
        let path = directory + "/" + name
        if try !disk.names(in: directory).contains(name) { _ = try disk.create(path) }
        let file = try disk.openForAppending(path)
        let total = try disk.length(file, path)
        var contents = ByteBuffer(capacity: total)
        try disk.read(file, total, into: &contents, path)
        let length = Self.read(contents.bytes, body)
        if contents.count > length { try disk.truncate(file, to: length, path) }
        self.directory = directory
        self.path = path
        self.disk = disk
        self.file = file
        self.length = length
        cutByteCount = contents.count - length
    }

    /// Calls `body` with the records up to the first that is not whole; returns where that is.
    private static func read(_ bytes: Span<UInt8>, _ body: (Span<UInt8>) -> Bool) -> Int {
        var offset = 0
        while bytes.count - offset >= headLength, bytes.little32(at: offset) == marker {
            let start = offset + headLength
            let count = Int(bytes.little32(at: offset + 4))
            guard count <= bytes.count - start else { break }
            let record = bytes.extracting(start..<start + count)
            var crc = CRC32C()
            crc.combine(bytes.extracting(offset..<offset + 8))
            crc.combine(record)
            guard crc.value == bytes.little32(at: offset + 8), body(record) else { break }
            offset = start + count
        }
        return offset
    }

    /// Whole records of such a file, which nobody need have open, and what is no record and was not left by a crash:
    /// that leaves the beginning of one, which says how long it should have been. Nil if there is no file.
    static func inspect(
        _ name: String, in directory: String
    ) throws(StoreFileError) -> (recordCount: Int, problem: StoreFileError?)? {
        let path = directory + "/" + name
        guard try Disk().exists(path) else { return nil }
        return try Disk().withCopy(of: path) { (file) throws(StoreFileError) in
            var count = 0
            let length = read(file) { _ in
                count += 1
                return true
            }
            let rest = file.count - length
            let isTorn =
                rest < headLength
                || file.little32(at: length) == marker
                    && Int(file.little32(at: length + 4)) > rest - headLength
            if isTorn { return (count, nil) }
            return (
                count, .corrupt(file: path, offset: length, reason: "\(rest) bytes are no whole records")
            )
        }
    }

    private static func append(_ record: Span<UInt8>, to out: inout ByteBuffer) {
        let start = out.count
        out.append(little: marker)
        out.append(little: UInt32(record.count))
        var crc = CRC32C()
        crc.combine(out.bytes.extracting(start..<start + 8))
        crc.combine(record)
        out.append(little: crc.value)
        out.append(record)
    }

    /// Whether the next start would find this file.
    public var isPresent: Bool {
        get throws(StoreFileError) {
            guard try disk.exists(path) else { return false }
            return try disk.identity(at: path) == disk.identity(file, path)
        }
    }

    /// Adds a record. It is the kernel's when this returns; `sync` sees to the disk.
    public mutating func append(_ record: Span<UInt8>) throws(StoreFileError) {
        var out = ByteBuffer(capacity: Self.headLength + record.count)
        Self.append(record, to: &out)
        do throws(StoreFileError) {
            // A file that was deleted takes writes as ever, until nobody has it open.
            if try disk.identity(at: path) != disk.identity(file, path) {
                throw .system(action: "find", path: path, reason: "another file has taken its place")
            }
            try disk.write(file, out.bytes, path)
        } catch {
            // Half a record would hide those that follow it.
            try? disk.truncate(file, to: length, path)
            throw error
        }
        length += out.count
    }

    /// Returns when what was appended is on the disk.
    public func sync() throws(StoreFileError) { try disk.sync(file, path) }

    /// Returns when nothing is left of what was in the file, not even after a crash. Needs no room on the disk.
    public mutating func removeAll() throws(StoreFileError) {
        try disk.truncate(file, to: 0, path)
        try disk.sync(file, path)
        length = 0
    }

    /// Puts these records in the place of all there are.
    public mutating func replace(with records: [[UInt8]]) throws(StoreFileError) {
        let newPath = path + ".tmp"
        let new = try disk.create(newPath)
        var newLength = 0
        for record in records {
            var out = ByteBuffer(capacity: Self.headLength + record.count)
            Self.append(record.span, to: &out)
            try disk.write(new, out.bytes, newPath)
            newLength += out.count
        }
        try disk.sync(new, newPath)
        try disk.rename(newPath, to: path)
        try disk.syncDirectory(directory)
        file = try disk.openForAppending(path)
        length = newLength
    }
}
