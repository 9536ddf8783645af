// Where an export goes.

import Bytes
public import Reactor

extension KeyStore {
    /// Writes the export to an open descriptor that blocks.
    public func export(to file: borrowing FileDescriptor) throws(Errno) {
        // By the piece, not by the line.
        var buffer = ByteBuffer(capacity: 1 << 20)
        let pieceLength = 256 << 10
        try export { (line) throws(Errno) in
            buffer.append(line)
            if buffer.count >= pieceLength {
                try file.writeAll(buffer.bytes)
                buffer.removeAll()
            }
        }
        try file.writeAll(buffer.bytes)
    }

    /// Writes the export to a file that nobody but its owner may read, which appears as a whole.
    public func export(toFile path: String) throws(StoreFileError) {
        let unfinished = path + ".tmp"
        do throws(StoreFileError) {
            try writeExport(unfinished)
            try disk.rename(unfinished, to: path)
        } catch {
            try? disk.remove(unfinished)
            throw error
        }
    }

    private func writeExport(_ path: String) throws(StoreFileError) {
        let file = try disk.create(path)
        do throws(Errno) {
            try export(to: file)
        } catch {
            throw .system(action: "write", path: path, reason: error.description)
        }
        try disk.sync(file, path)
    }

    /// Removes a store that nobody has open, with everything in its directory.
    public static func remove(_ directory: String) throws(StoreFileError) {
        if try Disk().exists(directory) { try StoreLock.checkFree(directory: directory) }
        try Disk().removeTree(directory)
    }
}
