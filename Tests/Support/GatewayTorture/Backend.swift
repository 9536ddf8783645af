// The backend behind the gateway. It outlives every life, and what it has seen was forwarded, whether or not
// anybody heard of it.

import Synchronization

final class Backend: Sendable {
    /// The header that numbers requests, so that one can be found again here.
    static let numberField = "X-Torture-Number"

    /// The header of an answer that says what the request has cost: the last segment of its path.
    static let costField = "X-Credits-Used"

    private struct Seen {
        var numbers: Set<Int> = []
        var isTaken = 0
    }

    private final class Record: Sendable { let seen = Mutex(Seen()) }

    private let record: Record
    private let upstream: Upstream
    private let nextNumber = Atomic<Int>(1)

    init() throws {
        let record = Record()
        self.record = record
        upstream = try Upstream { connection in
            record.seen.withLock { $0.isTaken += 1 }
            defer { record.seen.withLock { $0.isTaken -= 1 } }
            while let head = try connection.head() {
                if let number = head.fields[Backend.numberField].flatMap({ Int($0) }) {
                    record.seen.withLock { _ = $0.numbers.insert(number) }
                }
                _ = try connection.body(of: head)
                let path = head.target.split(separator: "/")
                let used = path.first == "metered" ? "\(Backend.costField): \(path.last ?? "")\r\n" : ""
                try connection.send("HTTP/1.1 200 OK\r\n\(used)Content-Length: 2\r\n\r\nok")
            }
        }
    }

    var url: String { upstream.endpoint.url }

    func newNumber() -> Int { nextNumber.add(1, ordering: .relaxed).oldValue }

    /// Everything seen since the last call, once the connections of a gateway that is gone are read to their end.
    func takeSeen() -> Set<Int> {
        _ = eventually { record.seen.withLock { $0.isTaken == 0 } }
        return record.seen.withLock { seen in
            defer { seen.numbers = [] }
            return seen.numbers
        }
    }
}
