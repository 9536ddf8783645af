// Looking at a store without opening it: every file is read and checked as the next start would, and nothing
// is changed.

import Bytes

/// What `KeyStore.verify` found.
public struct VerificationReport: Sendable {
    /// A file that was read, and how much of it is whole.
    public struct File: Sendable, Equatable {
        public let path: String
        /// Records of a snapshot or of the sums of usage, transactions of a journal, entries of the ledger.
        public let recordCount: Int
    }

    public internal(set) var files: [File] = []
    /// The first thing that would keep the store from opening; files of records after it were not read.
    public internal(set) var openingProblem: StoreFileError?
    /// What of its ledger cannot be read, and of its sums of usage: neither keeps it from opening.
    public internal(set) var ledgerProblem: StoreFileError?
    public internal(set) var usageProblem: StoreFileError?
    /// The worst of these.
    public var problem: StoreFileError? { problems.first }
    public var problems: [StoreFileError] {
        [openingProblem, ledgerProblem, usageProblem].compactMap { $0 }
    }
    /// What the next start would cut off. Usual after a crash, and also while a server is writing.
    public internal(set) var tornTail: OpenReport.TornTail?
    /// Without what is soft-deleted.
    public internal(set) var keyCount = 0
    public internal(set) var identityCount = 0
    /// What is out on lease, and of how many keys: a start that finds it so writes it off.
    public internal(set) var leasedCredits: Int64 = 0
    public internal(set) var leasedKeyCount = 0
}

extension KeyStore {
    /// Checks the store in `directory` from its first byte to its last. Needs no lock: beside a running
    /// server the end of the journal may look torn, and a compaction may move files away under it; a copy
    /// made by `backup` can be checked at leisure.
    public static func verify(_ directory: String) -> VerificationReport {
        var report = VerificationReport()
        var recovery = Recovery(directory: directory, Disk())
        do throws(StoreFileError) {
            try recovery.run()
        } catch {
            report.openingProblem = error
        }
        report.take(recovery)
        do throws(StoreFileError) {
            let ledger = LedgerStore(directory, Disk())
            if let found = try ledger.inspect() {
                report.files.append(.init(path: ledger.filePath, recordCount: found.entryCount))
                report.ledgerProblem = found.problem
            }
        } catch {
            report.ledgerProblem = error
        }
        do throws(StoreFileError) {
            if let found = try RecordLog.inspect(usageFileName, in: directory) {
                let path = directory + "/" + usageFileName
                report.files.append(.init(path: path, recordCount: found.recordCount))
                report.usageProblem = found.problem
            }
        } catch {
            report.usageProblem = error
        }
        return report
    }

    /// What of the ledger in `directory` cannot be read. Looks at all of it.
    public static func ledgerProblem(_ directory: String) -> StoreFileError? {
        do throws(StoreFileError) {
            return try LedgerStore(directory, Disk()).inspect()?.problem
        } catch {
            return error
        }
    }

    /// Judges `image` as the file of a ledger.
    public static func verifyLedgerFile(_ image: Span<UInt8>) -> VerificationReport {
        var report = VerificationReport()
        do throws(StoreFileError) {
            let found = try LedgerStore(".", Disk()).inspect(image)
            report.files = [.init(path: LedgerStore.fileName, recordCount: found.entryCount)]
            report.ledgerProblem = found.problem
        } catch {
            report.ledgerProblem = error
        }
        return report
    }

    /// Judges `image` as the first journal of a store that has no snapshot yet.
    public static func verifyJournal(_ image: Span<UInt8>) -> VerificationReport {
        var report = VerificationReport()
        var recovery = Recovery(directory: ".", Disk())
        do throws(StoreFileError) {
            try recovery.readJournal(1, image, StoreFileName.journal(1).text, true)
        } catch {
            report.openingProblem = error
        }
        report.take(recovery)
        return report
    }
}

extension VerificationReport {
    fileprivate mutating func take(_ recovery: borrowing Recovery) {
        files = recovery.files
        tornTail = recovery.report.tornTail
        keyCount = recovery.catalog.livingCount(.key)
        identityCount = recovery.catalog.livingCount(.identity)
        leasedKeyCount = recovery.catalog.leasedKeys.count
        for number in recovery.catalog.leasedKeys {
            guard let block = recovery.catalog.block(.key, number) else { continue }
            leasedCredits = leasedCredits.adding(KeyBlock(block: block).leased)
        }
    }
}
