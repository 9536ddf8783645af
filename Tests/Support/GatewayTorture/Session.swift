// One thread's connections to a gateway that may be gone at any moment.

/// What became of a request.
enum Outcome {
    case answered(Response)
    /// It was sent, perhaps in part, and there is no answer.
    case unanswered
    /// There is nobody to send it to.
    case gone
}

final class Session {
    private let report: Report
    private var connections: [Side: Client] = [:]
    private let life: Life
    private let rootKey: String

    /// The two addresses of a gateway.
    enum Side { case data, admin }

    init(_ life: Life, rootKey: String, _ report: Report) {
        self.life = life
        self.rootKey = rootKey
        self.report = report
    }

    /// A request through the gateway.
    func forward(_ method: String, _ target: String, key: String, number: Int, body: [UInt8]? = nil)
        -> Outcome
    {
        report.count(\.requests)
        return send(.data, method, target, key, ["\(Backend.numberField): \(number)"], body)
    }

    /// A call of the management API.
    func call(_ procedure: String, _ body: String) -> Outcome {
        send(
            .admin, "POST", "/v2/\(procedure)", rootKey, ["Content-Type: application/json"], Array(body.utf8))
    }

    /// A call that changes something, and what became of it.
    func change(_ procedure: String, _ body: String) -> (fate: Fate, data: JSONValue?) {
        switch call(procedure, body) {
        case .gone: return (.notDone, nil)
        case .unanswered:
            report.count(\.unanswered)
            return (.unknown, nil)
        case .answered(let response):
            if response.status == 200 {
                report.count(\.mutations)
                return (.done, response.json?["data"])
            }
            // What could not be made durable may yet lie on the disk.
            if response.status >= 500 {
                report.count(\.unavailable)
                return (.unknown, nil)
            }
            report.violation("\(procedure) \(body): \(response.status) \(response.text)")
            return (.notDone, nil)
        }
    }

    private func send(
        _ side: Side, _ method: String, _ target: String, _ key: String, _ fields: [String], _ body: [UInt8]?
    ) -> Outcome {
        let client: Client
        if let open = connections[side] {
            client = open
        } else {
            guard !life.isOver, let opened = try? Client(side == .data ? life.address : life.admin) else {
                return .gone
            }
            connections[side] = opened
            client = opened
        }
        do {
            let response = try client.request(method, target, key: key, fields, body: body)
            if response.fields[all: "connection"].contains("close") { connections[side] = nil }
            return .answered(response)
        } catch SocketError.timedOut(let what) {
            connections[side] = nil
            if !life.isOver { report.violation("\(method) \(target): no answer in time (\(what))") }
            return .unanswered
        } catch {
            connections[side] = nil
            return .unanswered
        }
    }
}
