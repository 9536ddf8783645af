// What was done and what went wrong, by kind of client.

final class Tally {
    private struct Row {
        var exchanges = 0, connections = 0, wrong = 0
    }

    private static let mostShown = 20
    private var rows: [Errand: Row] = [:]
    private var shown = 0

    var isFlawless: Bool { rows.values.allSatisfy { $0.wrong == 0 } }

    func connected(_ errand: Errand) { rows[errand, default: Row()].connections += 1 }
    func done(_ errand: Errand) { rows[errand, default: Row()].exchanges += 1 }

    func wrong(_ errand: Errand, _ what: String) {
        rows[errand, default: Row()].wrong += 1
        shown += 1
        if shown <= Self.mostShown { print("WRONG \(errand.rawValue): \(what)") }
    }

    /// Whether each kind that was there has made so many exchanges for each of its clients.
    func hasDone(_ exchanges: Int, each errands: [Errand]) -> Bool {
        Set(errands).allSatisfy { errand in
            (rows[errand]?.exchanges ?? 0) >= exchanges * errands.count { $0 == errand }
        }
    }

    /// A line for each kind that was there.
    func summary(_ errands: [Errand]) -> String {
        Errand.allCases.compactMap { errand in
            let clients = errands.count { $0 == errand }
            guard clients > 0 else { return nil }
            let row = rows[errand] ?? Row()
            return "\(errand.rawValue): \(clients) clients, \(row.connections) connections, "
                + "\(row.exchanges) exchanges, \(row.wrong) wrong"
        }.joined(separator: "\n")
    }
}
