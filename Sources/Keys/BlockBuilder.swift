// Writing a block: the fixed part first, at the offsets its layout names, then the sections in order.

import Access
import Bytes

struct BlockBuilder {
    private(set) var bytes: [UInt8]

    init(kind: EntityKind, flags: UInt16 = 0, number: UInt32) {
        bytes = [UInt8](repeating: 0, count: kind.fixedLength)
        bytes.reserveCapacity(kind.fixedLength + 160)
        bytes[4] = kind.rawValue
        bytes[5] = kind.layoutVersion
        set(6, flags)
        set(8, number)
    }

    mutating func set<Value: FixedWidthInteger>(_ offset: Int, _ value: Value) {
        var rest = value
        for index in 0..<(Value.bitWidth / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: rest)
            rest >>= 8
        }
    }

    mutating func set(_ offset: Int, instant: Int64?) { set(offset, instant ?? .min) }

    mutating func set(_ offset: Int, _ digest: KeyDigest) {
        set(offset, digest.word0)
        set(offset + 8, digest.word1)
        set(offset + 16, digest.word2)
        set(offset + 24, digest.word3)
    }

    private mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        let offset = bytes.count
        for _ in 0..<(Value.bitWidth / 8) { bytes.append(0) }
        set(offset, value)
    }

    /// Appends what is leased to a key.
    mutating func append(lease: Int64) { append(lease) }

    /// Appends text whose length goes into 16 bits at `lengthOffset`.
    mutating func append(_ text: String, _ what: String, lengthAt lengthOffset: Int) throws(StoreError) {
        let before = bytes.count
        bytes.append(contentsOf: text.utf8)
        let count = bytes.count - before
        guard count <= UInt16.max else { throw .invalid("\(what) is \(count) bytes, limit is \(UInt16.max)") }
        set(lengthOffset, UInt16(count))
    }

    /// Appends bytes whose length goes into 32 bits at `lengthOffset`.
    mutating func append(_ data: [UInt8], _ what: String, lengthAt lengthOffset: Int) throws(StoreError) {
        guard data.count <= Block.maxLength / 4 else {
            throw .invalid("\(what) is \(data.count) bytes, limit is \(Block.maxLength / 4)")
        }
        bytes.append(contentsOf: data)
        set(lengthOffset, UInt32(data.count))
    }

    /// Appends numbers whose count goes into 16 bits at `countOffset`.
    mutating func append<Entity>(_ references: [Reference<Entity>], _ what: String, countAt countOffset: Int)
        throws(StoreError)
    {
        guard references.count <= UInt16.max else {
            throw .invalid("\(references.count) \(what), limit is \(UInt16.max)")
        }
        for reference in references { append(reference.number) }
        set(countOffset, UInt16(references.count))
    }

    /// Appends networks, 18 bytes each, whose count goes into 16 bits at `countOffset`.
    mutating func append(_ networks: [IPNetwork], countAt countOffset: Int) throws(StoreError) {
        guard networks.count <= UInt16.max else {
            throw .invalid("\(networks.count) networks, limit is \(UInt16.max)")
        }
        for network in networks {
            append(network.address.high)
            append(network.address.low)
            append(UInt8(network.address.family == .v4 ? 4 : 6))
            append(UInt8(network.prefixLength))
        }
        set(countOffset, UInt16(networks.count))
    }

    /// Appends rate-limit rules; their length in bytes goes into 32 bits at `lengthOffset`.
    mutating func append(_ rules: [RateLimitRule], lengthAt lengthOffset: Int) throws(StoreError) {
        let before = bytes.count
        for rule in rules {
            append(rule.limit)
            append(rule.durationMillis)
            append(UInt8(rule.appliesAutomatically ? 1 : 0))
            let lengths = bytes.count
            append(UInt16(0))
            append(UInt16(0))
            try append(rule.id, "id of a rate limit", lengthAt: lengths)
            try append(rule.name, "name of a rate limit", lengthAt: lengths + 2)
        }
        set(lengthOffset, UInt32(bytes.count - before))
    }

    /// Appends strings; their length in bytes goes into 32 bits at `lengthOffset`.
    mutating func append(_ texts: [String], _ what: String, lengthAt lengthOffset: Int) throws(StoreError) {
        let before = bytes.count
        for text in texts {
            let length = bytes.count
            append(UInt16(0))
            try append(text, what, lengthAt: length)
        }
        set(lengthOffset, UInt32(bytes.count - before))
    }

    /// The finished block, in memory of its own.
    consuming func finish() throws(StoreError) -> Block {
        guard bytes.count <= Block.maxLength else {
            throw .invalid("record is \(bytes.count) bytes, limit is \(Block.maxLength)")
        }
        set(0, UInt32(bytes.count))
        let block = Block.make(bytes)
        precondition(block.isWellFormed(block.kind), "a record was packed against its own layout")
        return block
    }
}
