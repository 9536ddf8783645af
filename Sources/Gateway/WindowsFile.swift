// The windows of the rate limits on disk, between a clean stop and the next start: written once the last loop has
// ended, read and emptied before the first request. Emptied first, on the disk, and only then used, so that what an
// earlier stop left can never be taken for the present by a start after a crash: after a crash there is nothing, and
// windows start empty.

import Bytes
import Keys
import Limits

/// The file beside the store that carries windows over a restart. Belongs to one thread, under the store's lock.
struct WindowsFile: ~Copyable {
    private static let name = "rate-windows"

    private var file: RecordLog
    /// Nil if there is nothing to go on with.
    private var saved: SavedWindows?

    /// Opens the file in the directory of an open store and takes what is in it. A file that is damaged or of a newer
    /// format is given up with a line that says so; one that cannot be read or emptied is an error.
    init(directory: String) throws(StoreFileError) {
        var records: [[UInt8]] = []
        var file = try RecordLog(Self.name, in: directory) { record in
            records.append(Array(copying: record))
            return true
        }
        let isUnused = records.isEmpty && file.cutByteCount == 0
        if !isUnused { try file.removeAll() }
        saved = isUnused ? nil : Self.windows(records, file.cutByteCount, "\(directory)/\(Self.name)")
        self.file = file
    }

    private static func windows(_ records: [[UInt8]], _ cutByteCount: Int, _ path: String) -> SavedWindows? {
        do throws(SavedWindows.Problem) {
            if cutByteCount > 0 { throw .damaged("\(cutByteCount) bytes are no whole record") }
            return try SavedWindows(records)
        } catch {
            Diagnostics.say("rate limits start with empty windows: \(path) cannot be used: \(error)")
            return nil
        }
    }

    /// What the last clean stop left, once: it may be large.
    mutating func takeSaved() -> SavedWindows? { saved.take() }

    /// Writes what `counters` hold. Nobody may be charging any more.
    mutating func save(_ counters: RateCounters) {
        let windows = counters.save()
        do throws(StoreFileError) {
            try file.replace(with: windows.records())
        } catch {
            Diagnostics.say("rate limits will start with empty windows, they cannot be saved: \(error)")
        }
    }
}
