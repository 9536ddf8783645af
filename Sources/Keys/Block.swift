// One entity as one immutable run of bytes, the same in memory and on disk. A million keys as Swift objects
// would cost a million headers, reference counts and string buffers; as blocks they cost their bytes, load
// by copying, and are read by any thread without a retain.
//
// Every block starts with the same twelve bytes; what follows is the business of the `…Layout` files. All
// numbers are little-endian. Bytes 4 and 5 say what it is and in which version of its layout, so that a later
// version can still read it and an earlier one refuses it with a clear line.
//
//     0  u32 length of the whole block      6  u16 flags
//     4  u8  kind (`EntityKind`)            8  u32 number
//     5  u8  layout version

import Bytes

#if canImport(Glibc)
    import Glibc
#endif

/// A packed record in memory. Memory safety: blocks come only from `BlockBuilder.finish` and `load`, which
/// both check that every section a layout describes lies inside of the block, so the accessors below need no
/// bounds checks. Who holds one must know why it is not freed meanwhile: the store's thread because only it
/// frees, readers by the rule of `StoreReader.quiesce`.
@safe struct Block: Equatable {
    /// Offsets of the common head.
    static var headLength: Int { 12 }
    /// A block longer than this is damage, not data: meta ends at 1 MiB, lists at a few thousand entries.
    static var maxLength: Int { 16 << 20 }

    let base: UnsafeRawPointer

    init(base: UnsafeRawPointer) { unsafe self.base = unsafe base }

    init(address: UInt) {
        unsafe base = UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    var address: UInt { unsafe UInt(bitPattern: base) }
    var length: Int { Int(u32(at: 0)) }
    var kindByte: UInt8 { u8(at: 4) }
    var version: UInt8 { u8(at: 5) }
    var flags: UInt16 { u16(at: 6) }
    var number: UInt32 { u32(at: 8) }

    func u8(at offset: Int) -> UInt8 { unsafe base.load(fromByteOffset: offset, as: UInt8.self) }
    func u16(at offset: Int) -> UInt16 {
        unsafe UInt16(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    func u32(at offset: Int) -> UInt32 {
        unsafe UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    func u64(at offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    func i64(at offset: Int) -> Int64 { Int64(bitPattern: u64(at: offset)) }
    func digest(at offset: Int) -> KeyDigest {
        KeyDigest(words: u64(at: offset), u64(at: offset + 8), u64(at: offset + 16), u64(at: offset + 24))
    }

    /// An instant in milliseconds, of which the most negative stands for none.
    func instant(at offset: Int) -> Int64? {
        let value = i64(at: offset)
        return value == .min ? nil : value
    }

    /// Calls `body` with a section of the block.
    @inline(__always) func with<R>(_ section: Range<Int>, _ body: (Span<UInt8>) -> R) -> R {
        let bytes = unsafe UnsafeBufferPointer<UInt8>(
            start: (base + section.lowerBound).assumingMemoryBound(to: UInt8.self), count: section.count)
        return unsafe body(bytes.span)
    }

    /// Whether a section consists of exactly these bytes.
    @inline(__always) func equals(_ section: Range<Int>, _ other: Span<UInt8>) -> Bool {
        guard section.count == other.count else { return false }
        return unsafe other.withUnsafeBytes { bytes in
            unsafe section.isEmpty
                || memcmp(base + section.lowerBound, bytes.baseAddress.unsafelyUnwrapped, section.count) == 0
        }
    }

    func equals(_ section: Range<Int>, of other: Block, _ otherSection: Range<Int>) -> Bool {
        other.with(otherSection) { equals(section, $0) }
    }

    func text(_ section: Range<Int>) -> String {
        unsafe String(
            decoding: UnsafeRawBufferPointer(start: base + section.lowerBound, count: section.count),
            as: UTF8.self)
    }

    func array(_ section: Range<Int>) -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(start: base + section.lowerBound, count: section.count))
    }

    /// Byte order of two sections, for lists in the order of ids.
    static func precedes(_ left: Block, _ leftSection: Range<Int>, _ right: Block, _ rightSection: Range<Int>)
        -> Bool
    {
        let order = unsafe memcmp(
            left.base + leftSection.lowerBound, right.base + rightSection.lowerBound,
            min(leftSection.count, rightSection.count))
        return order == 0 ? leftSection.count < rightSection.count : order < 0
    }

    static func == (left: Block, right: Block) -> Bool { unsafe left.base == right.base }

    /// Frees the memory. Nothing may look at the block afterwards.
    func free() { unsafe BlockMemory.free(UnsafeMutableRawPointer(mutating: base), byteCount: length) }
}

/// Why bytes are not a block.
enum BlockError: Error, Equatable {
    case damaged(String)
    case newerLayout(kind: UInt8, version: UInt8)
}

extension Block {
    /// Copies the block that `bytes` starts with, once everything in it is known to be in bounds.
    static func load(_ bytes: Span<UInt8>) throws(BlockError) -> Block {
        guard bytes.count >= headLength else { throw .damaged("record shorter than its head") }
        var length = 0
        for index in 0..<4 { length |= Int(bytes[index]) << (8 * index) }
        guard length >= headLength, length <= maxLength, length <= bytes.count else {
            throw .damaged("record length \(length) does not fit")
        }
        guard let kind = EntityKind(rawValue: bytes[4]) else {
            throw .newerLayout(kind: bytes[4], version: bytes[5])
        }
        guard bytes[5] <= kind.layoutVersion else { throw .newerLayout(kind: bytes[4], version: bytes[5]) }
        guard bytes[5] > 0 else { throw .damaged("record with layout version 0") }
        guard length >= kind.fixedLength else { throw .damaged("record of \(length) bytes is too short") }
        let block = unsafe bytes.extracting(0..<length).withUnsafeBytes { unsafe copy($0) }
        guard block.number > 0, block.isWellFormed(kind) else {
            block.free()
            throw .damaged("record whose sections do not add up")
        }
        return block
    }

    private static func copy(_ bytes: UnsafeRawBufferPointer) -> Block {
        let memory = unsafe BlockMemory.allocate(bytes.count)
        unsafe memory.copyMemory(from: bytes.baseAddress.unsafelyUnwrapped, byteCount: bytes.count)
        return unsafe Block(base: UnsafeRawPointer(memory))
    }

    static func make(_ bytes: [UInt8]) -> Block { unsafe bytes.withUnsafeBytes { unsafe copy($0) } }

    var kind: EntityKind {
        guard let kind = EntityKind(rawValue: kindByte) else {
            preconditionFailure("a block of no known kind")
        }
        return kind
    }
}
