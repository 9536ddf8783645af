// Writing a snapshot while the store goes on. The store's thread collects the addresses of all published
// blocks, which takes milliseconds, and hands them over; from then on the writer needs nothing of the store,
// because blocks never change and the reader's slot that this value holds keeps them from being freed.

import Bytes
import Reactor

/// All entities as of one moment. Use it on one thread; give it up soon, since no memory that the store
/// retires is freed while it lives.
final class StoreImage: Sendable {
    let head: SnapshotFormat.Head
    private let addresses: [UInt]
    private let state: PublishedState
    private let slot: Int

    /// Called on the store's thread, between batches.
    init(_ catalog: Catalog, sequence: UInt64, transaction: UInt64) {
        state = catalog.state
        slot = state.reclamation.claim()
        var head = SnapshotFormat.Head()
        head.sequence = sequence
        head.transaction = transaction
        head.writtenAtMillis = Clock.realtimeNanos() / 1_000_000
        head.lastNumbers = catalog.state.lastNumbers
        var addresses: [UInt] = []
        addresses.reserveCapacity(EntityKind.allCases.reduce(0) { $0 + catalog.counts.all($1) })
        for kind in EntityKind.allCases {
            let index = Int(kind.rawValue)
            head.counts[index] = UInt32(catalog.counts.all(kind))
            let table = catalog.tables.table(kind)
            var number: UInt32 = 0
            while number < head.lastNumbers[index] {
                number += 1
                if let block = table[number] { addresses.append(block.address) }
            }
        }
        self.head = head
        self.addresses = addresses
    }

    deinit { state.reclamation.release(slot) }

    /// Calls `body` with every key, soft-deleted ones included.
    func forEachKey(_ body: (KeyBlock) -> Void) {
        for address in addresses {
            let block = Block(address: address)
            if block.kind == .key { body(KeyBlock(block: block)) }
        }
    }

    /// The id of the key with this number, if there is one.
    func keyID(_ number: UInt32) -> String? {
        var id: String?
        forEachKey { if $0.block.number == number { id = $0.block.text($0.id) } }
        return id
    }

    /// Writes `snapshot-N` under a temporary name and renames it once it is on the disk, so that a snapshot
    /// either is complete or is not there. That may take long: `place`, if given, must still be kept then.
    /// Returns its length in bytes.
    func write(in directory: String, _ disk: Disk, _ place: StorePlace? = nil) throws(StoreFileError) -> Int {
        let name = StoreFileName.snapshot(head.sequence).text
        let path = directory + "/" + name
        let unfinished = path + ".tmp"
        do {
            let length = try writeFile(unfinished, disk)
            try place?.check()
            try disk.rename(unfinished, to: path)
            try disk.syncDirectory(directory)
            return length
        } catch {
            try? disk.remove(unfinished)
            throw error
        }
    }

    private func writeFile(_ path: String, _ disk: Disk) throws(StoreFileError) -> Int {
        let file = try disk.create(path)
        let head = SnapshotFormat.encode(head)
        try disk.write(file, head.span, path)
        var length = head.count
        var payload = ByteBuffer(capacity: SnapshotFormat.chunkLength + (64 << 10))
        var blockCount = 0
        for address in addresses {
            let block = Block(address: address)
            block.with(0..<block.length) { payload.append($0) }
            blockCount += 1
            if payload.count >= SnapshotFormat.chunkLength {
                length += try writeChunk(file, payload.bytes, blockCount, path, disk)
                payload.removeAll()
                blockCount = 0
            }
        }
        if blockCount > 0 { length += try writeChunk(file, payload.bytes, blockCount, path, disk) }
        payload.removeAll()
        length += try writeChunk(file, payload.bytes, 0, path, disk)
        try disk.sync(file, path)
        return length
    }

    private func writeChunk(
        _ file: borrowing FileDescriptor, _ payload: Span<UInt8>, _ blockCount: Int, _ path: String,
        _ disk: Disk
    ) throws(StoreFileError) -> Int {
        let head = SnapshotFormat.encodeChunkHead(payload, blockCount: blockCount)
        try disk.write(file, head.span, path)
        try disk.write(file, payload, path)
        return head.count + payload.count
    }
}
