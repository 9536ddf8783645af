// Files of records: what was appended comes back, and what is torn or damaged is cut off.

import Bytes
import Glibc
import Testing

@testable import Keys

@Suite("Record log")
struct RecordLogTests {
    /// A directory of its own for each test.
    private final class Folder {
        let path: String

        init() {
            var template = Array("/tmp/keygate-records-XXXXXX".utf8CString)
            guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no temporary directory") }
            path = unsafe String(cString: made)
        }

        deinit {
            for name in ["usage", "usage.tmp"] { _ = unsafe unlink(path + "/" + name) }
            _ = unsafe rmdir(path)
        }

        /// Opens the log, appends `new`, and returns what was in it before.
        @discardableResult
        func open(appending new: [[UInt8]] = []) throws -> (records: [[UInt8]], cut: Int) {
            var records: [[UInt8]] = []
            var log = try RecordLog("usage", in: path) { record in
                records.append(Array(copying: record))
                return record.count != 13
            }
            for record in new { try log.append(record.span) }
            try log.sync()
            return (records, log.cutByteCount)
        }

        var contents: [UInt8] {
            get throws {
                let disk = Disk()
                let file = try disk.openForReading(path + "/usage")
                var buffer = ByteBuffer()
                try disk.read(file, try disk.length(file, "usage"), into: &buffer, "usage")
                return Array(copying: buffer.bytes)
            }
        }

        func put(_ bytes: [UInt8]) throws {
            let file = try Disk().create(path + "/usage")
            try Disk().write(file, bytes.span, "usage")
        }
    }

    private static let records: [[UInt8]] = [Array("one".utf8), [], [UInt8](repeating: 7, count: 300)]

    @Test("records come back in order, also over several openings")
    func roundTrip() throws {
        let folder = Folder()
        #expect(try folder.open(appending: [Self.records[0]]).records.isEmpty)
        #expect(try folder.open(appending: Array(Self.records[1...])).records == [Self.records[0]])
        #expect(try folder.open().records == Self.records)
    }

    @Test("a file cut anywhere keeps its whole records and goes on behind them")
    func torn() throws {
        let folder = Folder()
        try folder.open(appending: Self.records)
        let whole = try folder.contents
        let ends = [15, 27, whole.count]
        for cut in 0..<whole.count {
            try folder.put(Array(whole[..<cut]))
            let kept = ends.count { $0 <= cut }
            let opened = try folder.open(appending: [[1]])
            #expect(opened.records == Array(Self.records[..<kept]))
            #expect(opened.cut == cut - (kept == 0 ? 0 : ends[kept - 1]))
            #expect(try folder.open().records == Self.records[..<kept] + [[1]])
        }
    }

    @Test("no flipped byte goes unnoticed")
    func damaged() throws {
        let folder = Folder()
        try folder.open(appending: Self.records)
        let whole = try folder.contents
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 0x40
            try folder.put(damaged)
            let opened = try folder.open().records
            #expect(opened.count < Self.records.count && Self.records.starts(with: opened))
        }
    }

    @Test("a record that its owner refuses is cut off with what follows")
    func refused() throws {
        let folder = Folder()
        try folder.open(appending: [[1], [UInt8](repeating: 0, count: 13), [2]])
        #expect(try folder.open().cut == 12 + 13 + 12 + 1)
        #expect(try folder.open().records == [[1]])
    }

    @Test("replaced records are the only ones, and the log goes on")
    func replaced() throws {
        let folder = Folder()
        try folder.open(appending: Self.records)
        var log = try RecordLog("usage", in: folder.path) { _ in true }
        try log.replace(with: [[9], [8]])
        let last: [UInt8] = [7]
        try log.append(last.span)
        #expect(log.length == 3 * 13)
        #expect(try folder.open().records == [[9], [8], [7]])
    }

    @Test("an emptied log is empty for everybody, and goes on")
    func emptied() throws {
        let folder = Folder()
        try folder.open(appending: Self.records)
        var log = try RecordLog("usage", in: folder.path) { _ in true }
        try log.removeAll()
        #expect(log.length == 0)
        #expect(try folder.open().records == [])
        let last: [UInt8] = [7]
        try log.append(last.span)
        #expect(try folder.open().records == [[7]])
        var disk = Disk()
        disk.faults = FaultSchedule(failing: 1, .fails)
        var failing = try RecordLog("usage", in: folder.path, disk) { _ in true }
        #expect(throws: StoreFileError.self) { try failing.removeAll() }
    }

    @Test("a failed write leaves no half record behind", arguments: 1...6)
    func failedWrite(_ number: Int) throws {
        let folder = Folder()
        try folder.open(appending: [Self.records[0]])
        var disk = Disk()
        disk.faults = FaultSchedule(failing: number, .tears)
        var log = try RecordLog("usage", in: folder.path, disk) { _ in true }
        let record = Self.records[2]
        var appended = 0
        for _ in 0..<2 { if (try? log.append(record.span)) != nil { appended += 1 } }
        try? log.replace(with: [[1]])
        let found = try folder.open().records
        #expect(
            found == [[1]] || found == [Self.records[0]] + Array(repeating: Self.records[2], count: appended))
    }
}
