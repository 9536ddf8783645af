// A process that mutates a store is killed at random moments, two hundred times. Whatever it had said was
// done is there afterwards, and nothing is half there.

import Bytes
import Glibc
import Testing

@testable import Keys

@Suite struct KillTests {
    let scratch = Scratch()

    @Test("after kill -9 every acknowledged transaction is there, and none in part")
    func killed() throws {
        var random = FixedRandom(11)
        var acknowledged = 0
        for round in 0..<200 {
            var process = try Torture(directory: scratch.store)
            // Killed as soon as so many were acknowledged, while the next ones are on their way.
            let wanted = acknowledged + 1 + Int(random.next() % 60)
            while process.lastNumber < wanted, process.readSome() {}
            process.kill()
            try #require(process.lastNumber >= wanted, "round \(round): \(process.complaint)")
            acknowledged = process.lastNumber
            // Not every time: now and then the next process recovers by itself, from what recovery left.
            if round % 4 == 0 || round == 199 { try check(acknowledged, round) }
        }
    }

    private func check(_ acknowledged: Int, _ round: Int) throws {
        let store = try KeyStore.open(scratch.store)
        let (last, found, expected) = try store.change { (transaction) throws(StoreError) in
            let counter = transaction.identity(externalID: "counter")?.meta ?? []
            let last = ASCII.decimal(counter.span) ?? 0
            let api = transaction.apis(named: "torture")[0].reference
            var found: Set<String> = []
            for key in transaction.keys(of: api, limit: .max).records {
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
        #expect(last >= acknowledged, "round \(round): \(acknowledged) were acknowledged, \(last) are there")
        #expect(found == expected, "round \(round)")
    }
}

/// A running `KeysTorture`, which lies beside the executable of these tests.
private struct Torture {
    private var process = pid_t()
    private var output: Int32
    private var line: [UInt8] = []
    /// The last number that was acknowledged.
    private(set) var lastNumber = 0
    /// What it said instead of a number.
    private(set) var complaint = ""

    init(directory: String) throws {
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
        let failed = unsafe posix_spawn(&process, Self.executable, &actions, nil, &arguments, environ)
        for index in unsafe arguments.indices { unsafe free(arguments[index]) }
        unsafe posix_spawn_file_actions_destroy(&actions)
        close(ends[1])
        try #require(failed == 0, "KeysTorture does not start: error \(failed)")
    }

    private static var executable: String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = unsafe buffer.withUnsafeMutableBytes { raw in
            unsafe readlink("/proc/self/exe", raw.baseAddress!.assumingMemoryBound(to: CChar.self), raw.count)
        }
        let path = buffer[..<max(0, length)]
        let slash = path.lastIndex(of: UInt8(ascii: "/")) ?? 0
        return String(decoding: path[...slash], as: UTF8.self) + "KeysTorture"
    }

    /// Takes what it printed next; false at the end of its output.
    mutating func readSome() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe read(output, &buffer, buffer.count)
        if count <= 0 { return false }
        for byte in buffer[..<count] {
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
                continue
            }
            if let number = ASCII.decimal(line.span) {
                lastNumber = number
            } else {
                complaint = String(decoding: line, as: UTF8.self)
            }
            line = []
        }
        return true
    }

    /// Kills it without a warning and takes the rest of what it had printed.
    mutating func kill() {
        _ = Glibc.kill(process, SIGKILL)
        while readSome() {}
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        close(output)
    }
}
