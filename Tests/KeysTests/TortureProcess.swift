// The process that is killed, or whose disk fails, while it mutates a store.

import Bytes
import Glibc
import Testing

@testable import Keys

/// A running `KeysTorture`.
struct TortureProcess {
    private var process = pid_t()
    private var output: Int32
    private var line: [UInt8] = []
    /// The last number that was acknowledged.
    private(set) var lastNumber = 0
    /// What it said beside numbers.
    private(set) var complaints: [String] = []

    /// Starts it on a store, with these settings of `DiskFaults` if there are any.
    init(directory: String, faults: [String: String] = [:]) throws {
        var ends: [Int32] = [0, 0]
        precondition(unsafe pipe(&ends) == 0, "no pipe")
        output = ends[0]
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        unsafe posix_spawn_file_actions_addclose(&actions, ends[0])
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
            strdup("KeysTorture"), strdup(directory), nil,
        ]
        var settings = faults
        if !faults.isEmpty {
            settings["LD_PRELOAD"] = Self.built("libDiskFaults.so")
            settings["KG_FAULT_DIR"] = directory
            // What the thread sanitizer had to say it would say through a program that it starts, which cannot run
            // with the disk preloaded, and it would die of that.
            settings["TSAN_OPTIONS"] = "report_bugs=0"
        }
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe settings.map {
            unsafe strdup($0.key + "=" + $0.value)
        }
        var inherited = unsafe environ
        while let entry = unsafe inherited.pointee {
            unsafe environment.append(strdup(entry))
            unsafe inherited += 1
        }
        unsafe environment.append(nil)
        let failed = unsafe posix_spawn(
            &process, Self.built("KeysTorture"), &actions, nil, &arguments, &environment)
        for index in unsafe arguments.indices { unsafe free(arguments[index]) }
        for index in unsafe environment.indices { unsafe free(environment[index]) }
        unsafe posix_spawn_file_actions_destroy(&actions)
        close(ends[1])
        try #require(failed == 0, "KeysTorture does not start: error \(failed)")
    }

    /// What was built along with these tests lies beside their executable.
    static func built(_ name: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = unsafe buffer.withUnsafeMutableBytes { raw in
            unsafe readlink("/proc/self/exe", raw.baseAddress!.assumingMemoryBound(to: CChar.self), raw.count)
        }
        let path = buffer[..<max(0, length)]
        let slash = path.lastIndex(of: UInt8(ascii: "/")) ?? 0
        return String(decoding: path[...slash], as: UTF8.self) + name
    }

    /// Takes what it printed next; false at the end of its output.
    mutating func readSome() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe Glibc.read(output, &buffer, buffer.count)
        if count <= 0 { return false }
        for byte in buffer[..<count] {
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                continue
            }
            if let number = ASCII.decimal(line.span) {
                lastNumber = number
            } else {
                complaints.append(String(decoding: line, as: UTF8.self))
            }
            line = []
        }
        return true
    }

    /// Takes what it prints until this holds.
    mutating func read(until holds: (borrowing Self) -> Bool) throws {
        while !holds(self) {
            let goesOn = readSome()
            try #require(goesOn, "it ended at \(lastNumber), having said \(complaints)")
        }
    }

    /// Kills it without a warning and takes the rest of what it had printed.
    mutating func kill() {
        _ = Glibc.kill(process, SIGKILL)
        waitForEnd()
    }

    /// Takes what it prints until it ends by itself.
    mutating func waitForEnd() {
        while readSome() {}
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        close(output)
    }

    /// Looks at the store it left: everything that was acknowledged is there, and nothing in part.
    static func check(_ directory: String, _ acknowledged: Int, _ round: String) throws {
        let store = try KeyStore.open(directory)
        let (last, found, expected) = try store.change { (transaction) throws(StoreError) in
            let counter = transaction.identity(externalID: "counter")?.meta ?? []
            let last = ASCII.decimal(counter.span) ?? 0
            var found: Set<String> = []
            let keys = transaction.apis(named: "torture").first.map {
                transaction.keys(of: $0.reference, limit: .max).records
            }
            for key in keys ?? [] {
                let slugs = key.permissions.compactMap { transaction.permission($0)?.slug }
                found.insert(key.id + " " + slugs.joined())
            }
            // What every transaction up to the last one leaves, if each took effect as a whole.
            var expected: Set<String> = []
            for n in stride(from: 1, through: last, by: 1) where n % 5 != 2 || n + 3 > last {
                expected.insert("key_\(n) \(n).read")
            }
            return (last, found, expected)
        }
        #expect(last >= acknowledged, "\(round): \(acknowledged) were acknowledged, \(last) are there")
        #expect(found == expected, "\(round)")
    }
}
