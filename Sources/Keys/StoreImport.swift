// From an export to a store. Records keep their ids and times and get new numbers; the store they go to is a
// new one, made beside its place and moved there once every line is in it.

import Access
import Bytes
import JSON

extension KeyStore {
    /// What became of an import.
    public enum ImportOutcome: Equatable, Sendable {
        case imported(recordCount: Int)
        /// Nothing was kept.
        case refused(ImportError)
    }

    /// Records of one transaction.
    private static let importBatch = 1000

    /// Makes a store at `directory`, which must be empty or not exist, of the lines of an export.
    public static func importing(_ text: [UInt8], to directory: String) throws(StoreFileError)
        -> ImportOutcome
    {
        let place = try NewStorePlace(directory, for: "import into")
        do throws(StoreFileError) {
            let outcome: ImportOutcome
            do {
                let store = try KeyStore.open(place.draft)
                outcome = try store.takeLines(text)
                if case .imported = outcome { try store.compact() }
            }
            switch outcome {
            case .imported: try place.moveIn()
            case .refused: try place.abandon()
            }
            return outcome
        } catch {
            try? place.abandon()
            throw error
        }
    }

    private func takeLines(_ text: [UInt8]) throws(StoreFileError) -> ImportOutcome {
        var lines = ImportLines(text: text)
        var recordCount = 0
        do throws(TransactionFailure<ImportError>) {
            try lines.readHeader()
            while !lines.isAtEnd {
                try transact { (transaction) throws(ImportError) in
                    for _ in 0..<Self.importBatch {
                        guard let object = try lines.next() else { break }
                        do throws(ImportProblem) {
                            try transaction.take(object)
                        } catch {
                            throw ImportError(line: lines.number, reason: error.reason)
                        }
                        recordCount += 1
                    }
                }
            }
        } catch {
            switch error {
            case .refused(let error): return .refused(error)
            case .unavailable(let reason):
                throw failure ?? .system(action: "import into", path: directory, reason: reason)
            }
        }
        return .imported(recordCount: recordCount)
    }
}

/// The lines of an export, in order. Empty ones are passed over.
private struct ImportLines {
    private let text: [UInt8]
    private var offset = 0
    /// Of the line that was read last, from 1.
    private(set) var number = 0

    init(text: [UInt8]) { self.text = text }

    var isAtEnd: Bool { offset == text.count }

    mutating func next() throws(ImportError) -> JSONObject? {
        while !isAtEnd {
            let end = text[offset...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            let start = offset
            offset = min(end + 1, text.count)
            number += 1
            let line = text.span.extracting(start..<end)
            if ASCII.trimmed(line).isEmpty { continue }
            let value: JSONValue
            do throws(JSONError) { value = try JSONValue(parsing: line) } catch {
                throw ImportError(line: number, reason: "\(error)")
            }
            guard let object = value.object else {
                throw ImportError(line: number, reason: "expected an object")
            }
            return object
        }
        return nil
    }

    /// The first line says what this is.
    mutating func readHeader() throws(TransactionFailure<ImportError>) {
        do throws(ImportError) {
            guard let head = try next(), head["keygate"]?.text == "store",
                let version = head["version"]?.integer
            else {
                throw ImportError(
                    line: max(1, number), reason: "expected {\"keygate\":\"store\",\"version\":1}")
            }
            guard version <= ExportFormat.version else {
                throw ImportError(
                    line: number,
                    reason: "format \(version), this keygate reads up to \(ExportFormat.version): "
                        + "it was written by a newer keygate")
            }
        } catch {
            throw .refused(error)
        }
    }
}
