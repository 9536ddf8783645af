// What can go wrong: one error for a mutation that cannot be, one for files that cannot be used.

/// The kinds of things the store holds. Raw values are part of the file format; their order is the order in
/// which records are written and published, so that whatever a record refers to comes before it.
public enum EntityKind: UInt8, CaseIterable, Sendable {
    case permission = 1
    case role = 2
    case api = 3
    case identity = 4
    case key = 5
    case rootKey = 6
    /// A group of stand-alone rate limits.
    case namespace = 7
    /// An override of the limits of a namespace.
    case override = 8
}

/// Why the store refuses a mutation. Nothing of the transaction that threw it is kept.
public enum StoreError: Error, Hashable, Sendable {
    /// Nothing live has this id, name, slug or external id.
    case notFound(EntityKind, String)
    /// A name, slug, external id, id or digest is taken.
    case alreadyExists(EntityKind, String)
    /// A value is outside of what the format can hold; the sentence names it and the limit.
    case invalid(String)
}

/// Why a transaction has no result.
public enum TransactionFailure<Refusal: Error & Sendable>: Error, Sendable {
    /// The transaction itself threw. Nothing of it is kept.
    case refused(Refusal)
    /// The store cannot write any more; reads go on. The sentence says what failed.
    case unavailable(String)
}

extension TransactionFailure: Equatable where Refusal: Equatable {}

/// Why a directory cannot be opened, verified or copied.
public enum StoreFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process has the store open.
    case inUse(directory: String, processID: Int?)
    /// A file is damaged before its end. `offset` is in bytes from the start of the file.
    case corrupt(file: String, offset: Int, reason: String)
    /// A file was written by a newer Keygate.
    case newerFormat(file: String, found: Int, supported: Int)
    /// Journals or snapshots that belong together are not all there.
    case missingFile(directory: String, name: String)
    /// A system call failed.
    case system(action: String, path: String, reason: String)

    /// The system's words, if a system call failed.
    var reason: String? {
        if case .system(_, _, let reason) = self { reason } else { nil }
    }

    public var description: String {
        switch self {
        case .inUse(let directory, let processID):
            "store \(directory) is in use" + (processID.map { " by process \($0)" } ?? " by another process")
        case .corrupt(let file, let offset, let reason):
            "\(file) is damaged at byte \(offset): \(reason); `keygate store verify` shows what is readable"
        case .newerFormat(let file, let found, let supported):
            "\(file) has format \(found), this keygate reads up to \(supported): "
                + "it was written by a newer keygate"
        case .missingFile(let directory, let name):
            "store \(directory) lacks \(name); `keygate store verify` shows what is there"
        case .system(let action, let path, let reason):
            "cannot \(action) \(path): \(reason)"
        }
    }
}
