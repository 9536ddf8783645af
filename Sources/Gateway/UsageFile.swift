// The roll-ups of verification events on disk: a file of records beside the store. It is written once a
// second while there is something new, so a crash costs a second of statistics and never delays a request.

public import Analytics
import Bytes
public import Keys

/// The saved roll-ups of one store. Belongs to one thread.
public struct UsageFile: ~Copyable {
    /// The file is rewritten as sums when the increments in it outgrow them and this.
    private static let rewriteThresholdBytes = 16 << 20

    private let events: EventLog
    private var file: RecordLog
    /// Length after the last rewrite.
    private var summedLength = 0
    /// The last write failed: what it should have added is in the sums.
    private var needsRewrite = false

    /// Opens the file in the directory of an open store, which is what keeps others out, and restores what
    /// is in it.
    public init(directory: String, events: EventLog) throws(StoreFileError) {
        self.events = events
        file = try RecordLog(KeyStore.usageFileName, in: directory) { events.restore($0) }
    }

    /// Bytes at the end that were no whole record and were cut off.
    public var cutByteCount: Int { file.cutByteCount }

    /// Whether the next start would find the file: if not, the directory may be another.
    var isPresent: Bool {
        get throws(StoreFileError) { try file.isPresent }
    }

    /// Writes what is new, and all there is if somebody has deleted the file: to be called only where it belongs.
    /// After an error it may be called again: nothing is lost as long as the log has it.
    public mutating func save() throws(StoreFileError) {
        let isPresent = try file.isPresent
        if needsRewrite || !isPresent || file.length > Self.rewriteThresholdBytes + 2 * summedLength {
            return try rewrite()
        }
        guard let increment = events.takeUnsaved() else { return }
        needsRewrite = true
        try file.append(increment.span)
        needsRewrite = false
    }

    private mutating func rewrite() throws(StoreFileError) {
        needsRewrite = true
        try file.replace(with: events.takeSums())
        summedLength = file.length
        needsRewrite = false
    }

    /// Writes all of it in another directory, one that a store was rescued to.
    static func write(_ events: EventLog, in directory: String) throws(StoreFileError) {
        var file = try RecordLog(KeyStore.usageFileName, in: directory) { _ in true }
        try file.replace(with: events.takeSums())
    }

    /// Returns when what was saved is on the disk.
    public func sync() throws(StoreFileError) { try file.sync() }
}
