// Mutations that are large enough to be done by halves, and what the store must show of them.

import Synchronization

/// One key and one role that carry a version in all their parts, changed in a single call.
final class Composite: Sendable {
    private struct State {
        var acknowledged = 0
        /// Equal to `acknowledged` unless a call is under way, or its outcome is not known.
        var begun = 0
    }

    private static let role = "composite"
    private let keyID: String
    private let key = Mutex(State())
    private let roleState = Mutex(State())

    init(api: String, _ session: Session) throws {
        _ = try session.data(
            "permissions.createRole", #"{"name":"\#(Self.role)","permissions":\#(Self.slugs(0))}"#)
        keyID = try session.makeKey(#"{"apiId":"\#(api)",\#(Self.members(0))}"#).id
    }

    /// Few names and many versions: what is not replaced must be found again.
    private static func slugs(_ version: Int) -> String {
        #"["composite.\#(version % 7).a","composite.\#(version % 7).b"]"#
    }

    private static func members(_ version: Int) -> String {
        """
        "name":"v\(version)","meta":{"v":\(version)},"externalId":"composite-\(version % 5)",\
        "permissions":\(slugs(version)),"ratelimits":[{"name":"versions","limit":\(version + 1),"duration":60000,"autoApply":false}]
        """
    }

    func changeKey(_ session: Session) {
        Self.change(key) {
            session.change("keys.updateKey", #"{"keyId":"\#(keyID)",\#(Self.members($0))}"#).fate
        }
    }

    func changeRole(_ session: Session) {
        Self.change(roleState) {
            session.change(
                "permissions.setRolePermissions",
                #"{"role":"\#(Self.role)","permissions":\#(Self.slugs($0))}"#
            ).fate
        }
    }

    private static func change(_ state: borrowing Mutex<State>, _ call: (Int) -> Fate) {
        let version = state.withLock { state -> Int? in
            guard state.begun == state.acknowledged else { return nil }
            state.begun += 1
            return state.begun
        }
        guard let version else { return }
        let fate = call(version)
        state.withLock { state in
            switch fate {
            case .done: state.acknowledged = version
            case .notDone: state.begun = state.acknowledged
            case .unknown: break
            }
        }
    }

    /// What is wrong with what a store shows. `settles` if it is the store of a new life, and not a copy.
    func judge(_ session: Session) throws -> [String] {
        let found = try session.data("keys.getKey", #"{"keyId":"\#(keyID)"}"#)
        var problems: [String] = []
        let version = found["meta"]?["v"]?.number.map { Int($0) } ?? -1
        let limit = found["ratelimits"]?.array?.first?["limit"]?.number.map { Int($0) }
        let permissions = found["permissions"]?.array?.compactMap(\.string).sorted() ?? []
        if found["name"]?.string != "v\(version)" || limit != version + 1
            || found["identity"]?["externalId"]?.string != "composite-\(version % 5)"
            || !Self.are(permissions, version)
        {
            problems.append("half of a change of key \(keyID) is there: \(found)")
        }
        key.withLock { state in
            if version < state.acknowledged || version > state.begun {
                problems.append(
                    "key \(keyID) is at version \(version), acknowledged was \(state.acknowledged), "
                        + "begun \(state.begun)")
            }
            state = State(acknowledged: version, begun: version)
        }
        let role = try session.data("permissions.getRole", #"{"role":"\#(Self.role)"}"#)
        let slugs = role["permissions"]?.array?.compactMap { $0["slug"]?.string }.sorted() ?? []
        roleState.withLock { state in
            if Self.are(slugs, state.acknowledged) {
                state.begun = state.acknowledged
            } else if Self.are(slugs, state.begun) {
                state.acknowledged = state.begun
            } else {
                problems.append(
                    "role \(Self.role) has \(slugs), acknowledged was version \(state.acknowledged), "
                        + "begun \(state.begun)")
                state.begun = state.acknowledged
            }
        }
        return problems
    }

    private static func are(_ slugs: [String], _ version: Int) -> Bool {
        slugs == ["composite.\(version % 7).a", "composite.\(version % 7).b"]
    }
}

/// Keys that come and go.
final class Churn: Sendable {
    private enum Entry {
        case making
        case live(id: String)
        case deleting(id: String)
        case gone
    }

    private static let most = 40
    private let api: String
    private let entries = Mutex<[Int: Entry]>([:])
    private let last = Mutex(0)

    init(api: String) { self.api = api }

    /// A lie: the checker believes that a key was acknowledged.
    func pretendMade() {
        let number = nextNumber()
        entries.withLock { $0[number] = .live(id: "key_never_made") }
    }

    private func nextNumber() -> Int {
        last.withLock {
            $0 += 1
            return $0
        }
    }

    /// Makes a key, or deletes the oldest if there are enough. Returns a key that must work from now on.
    func change(_ session: Session, _ random: inout Random) -> (id: String, secret: String)? {
        let oldest = entries.withLock { entries -> (Int, String)? in
            let live = entries.compactMap { number, entry -> (Int, String)? in
                if case .live(let id) = entry { (number, id) } else { nil }
            }
            return live.count < Self.most ? nil : live.min { $0.0 < $1.0 }
        }
        if let oldest {
            delete(oldest.0, oldest.1, session, &random)
            return nil
        }
        return make(session)
    }

    private func make(_ session: Session) -> (id: String, secret: String)? {
        let number = nextNumber()
        entries.withLock { $0[number] = .making }
        let (fate, data) = session.change(
            "keys.createKey",
            """
            {"apiId":"\(api)","name":"c\(number)","externalId":"churn-\(number % 20)",\
            "permissions":["churn.\(number % 30)"],"credits":{"remaining":\(number)}}
            """)
        switch fate {
        case .done:
            guard let id = data?["keyId"]?.string, let secret = data?["key"]?.string else { return nil }
            entries.withLock { $0[number] = .live(id: id) }
            return (id, secret)
        case .notDone: entries.withLock { $0[number] = nil }
        case .unknown: break
        }
        return nil
    }

    private func delete(_ number: Int, _ id: String, _ session: Session, _ random: inout Random) {
        entries.withLock { $0[number] = .deleting(id: id) }
        let (fate, _) = session.change(
            "keys.deleteKey", #"{"keyId":"\#(id)","permanent":\#(random.once(in: 2))}"#)
        entries.withLock { entries in
            switch fate {
            case .done: entries[number] = .gone
            case .notDone: entries[number] = .live(id: id)
            case .unknown: break
            }
        }
    }

    /// What is wrong with the keys that a store shows.
    func judge(_ session: Session) throws -> [String] {
        var found: [Int: String] = [:]
        var problems: [String] = []
        for key in try list(session) {
            guard let name = key["name"]?.string, let number = Int(name.dropFirst()),
                let id = key["keyId"]?.string
            else {
                problems.append("a key without its name: \(key)")
                continue
            }
            if key["credits"]?["remaining"]?.number != Double(number)
                || key["identity"]?["externalId"]?.string != "churn-\(number % 20)"
                || key["permissions"]?.array?.compactMap(\.string) != ["churn.\(number % 30)"]
            {
                problems.append("half of key \(name) is there: \(key)")
            }
            if found.updateValue(id, forKey: number) != nil { problems.append("key \(name) is there twice") }
        }
        entries.withLock { entries in
            for (number, entry) in entries {
                switch (entry, found[number]) {
                case (.live(let id), nil): problems.append("acknowledged key c\(number) (\(id)) is gone")
                case (.live(let id), let other?) where other != id:
                    problems.append("key c\(number) is \(other) and was acknowledged as \(id)")
                case (.gone, let id?): problems.append("deleted key c\(number) (\(id)) is there again")
                case (.live, _), (.gone, nil), (.making, _), (.deleting, _): break
                }
            }
            for number in found.keys where entries[number] == nil {
                problems.append("key c\(number) was never asked for, or deleted long ago")
            }
            entries = found.mapValues { .live(id: $0) }
        }
        return problems
    }

    private func list(_ session: Session) throws -> [JSONValue] {
        var keys: [JSONValue] = []
        var cursor = ""
        while true {
            guard
                case .answered(let response) = session.call(
                    "apis.listKeys", #"{"apiId":"\#(api)"\#(cursor)}"#),
                response.status == 200, let json = response.json, let page = json["data"]?.array
            else { throw Session.Failure(reason: "apis.listKeys gave no page") }
            keys += page
            guard let next = json["pagination"]?["cursor"]?.string else { return keys }
            cursor = #","cursor":"\#(next)""#
        }
    }
}
