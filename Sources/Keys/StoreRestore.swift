// From a backup to a store.

import Bytes
import Reactor

extension KeyStore {
    /// Files that belong to a store and are not the store itself: the sums of usage. Copies take them along.
    public static let usageFileName = "usage-rollups"

    /// Copies `backup` to `directory`, which must be empty or not exist. The backup is checked before, the copy
    /// after, and the copy appears as a whole. Returns what was found in it.
    public static func restore(_ backup: String, to directory: String) throws(StoreFileError)
        -> VerificationReport
    {
        let disk = Disk()
        guard try KeyStore.exists(backup) else {
            throw .system(action: "restore", path: backup, reason: "there is no store in it")
        }
        // A store that is being written is no copy of one moment.
        try StoreLock.checkFree(directory: backup)
        let report = KeyStore.verify(backup)
        if let problem = report.openingProblem { throw problem }
        let place = try NewStorePlace(directory, for: "restore to", disk)
        do throws(StoreFileError) {
            for name in try disk.names(in: backup) where Self.isKept(name) {
                try disk.copy(backup + "/" + name, to: place.draft + "/" + name)
            }
            try place.moveIn()
        } catch {
            try? place.abandon()
            throw error
        }
        return report
    }

    /// Not the lock and not the socket, which belong to a process, and not what an interrupted one left.
    private static func isKept(_ name: String) -> Bool {
        if case .unfinished = StoreFileName(name) { return false }
        return name != "lock" && !name.hasSuffix(".sock")
    }
}

extension Disk {
    /// Copies a file and returns when the copy is on the disk. What is appended meanwhile may be missing.
    func copy(_ path: String, to newPath: String) throws(StoreFileError) {
        let file = try openForReading(path)
        let copy = try create(newPath)
        var buffer = ByteBuffer(capacity: 1 << 20)
        repeat {
            buffer.removeAll()
            try read(file, 1 << 20, into: &buffer, path)
            try write(copy, buffer.bytes, newPath)
        } while buffer.count == 1 << 20
        try sync(copy, newPath)
    }
}
