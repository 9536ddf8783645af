// A key whose right to pass is taken away and given back, each kind in its own way. Between the acknowledgement
// of the one and the first attempt at the other no request that begins may pass.

import Synchronization

final class Victim: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case disabling, expiry, deletion, permission, permissionDeletion, role, rolePermissions, identity

        /// What a request is told that comes too late.
        var refusal: String {
            switch self {
            case .disabling: "DISABLED"
            case .expiry: "EXPIRED"
            case .deletion: "NOT_FOUND"
            case .permission, .permissionDeletion, .role, .rolePermissions: "INSUFFICIENT_PERMISSIONS"
            case .identity: "FORBIDDEN"
            }
        }

        var slug: String { "torture.\(rawValue)" }
        var target: String { "/\(rawValue)/1" }
        /// The route that its key is sent to.
        var route: String {
            switch self {
            case .identity:
                "route GET /{tenant}/1 { authenticated; check path.tenant == identity.externalId; cost 0 }"
            case .disabling, .expiry, .deletion, .permission, .permissionDeletion, .role, .rolePermissions:
                "route GET \(target) { require \(slug); cost 0 }"
            }
        }
    }

    enum Standing: Equatable { case open, shut, changing }

    struct State {
        var keyID: String
        var secret: String
        var standing = Standing.open
        /// Counts the changes that were begun.
        var epoch = 0
    }

    let kind: Kind
    private let api: String
    private let state: Mutex<State>

    init(_ kind: Kind, api: String, _ session: Session) throws {
        self.kind = kind
        self.api = api
        switch kind {
        case .role, .rolePermissions:
            _ = try session.data(
                "permissions.createRole", #"{"name":"\#(kind.rawValue)","permissions":["\#(kind.slug)"]}"#)
        case .disabling, .expiry, .deletion, .permission, .permissionDeletion, .identity: break
        }
        let (id, secret) = try session.makeKey(Self.creation(kind, api))
        state = Mutex(State(keyID: id, secret: secret))
    }

    private static func creation(_ kind: Kind, _ api: String) -> String {
        let right =
            switch kind {
            case .disabling, .expiry, .deletion, .permission, .permissionDeletion:
                #""permissions":["\#(kind.slug)"]"#
            case .role, .rolePermissions: #""roles":["\#(kind.rawValue)"]"#
            case .identity: #""externalId":"\#(kind.rawValue)""#
            }
        return #"{"apiId":"\#(api)","name":"\#(kind.rawValue)",\#(right)}"#
    }

    var now: State { state.withLock { $0 } }

    /// Whether what a request was told is wrong, given the state when it began.
    func judge(_ begun: State, isAllowed: Bool, code: String) -> String? {
        let now = now
        // Changed meanwhile: either is right.
        guard now.epoch == begun.epoch, now.standing == begun.standing else { return nil }
        switch begun.standing {
        case .changing: return nil
        case .open: return isAllowed ? nil : "refused with \(code) though nothing stands against it"
        case .shut:
            if isAllowed { return "allowed after an acknowledged revocation" }
            return code == kind.refusal ? nil : "refused with \(code) and not with \(kind.refusal)"
        }
    }

    /// Takes the right away, or gives it back. Returns what became of that; nil if a change is still open.
    func turn(_ session: Session, nowMillis: Int, _ random: inout Random) -> Fate? {
        let before = now
        guard before.standing != .changing else { return nil }
        begin()
        let (fate, data) =
            before.standing == .open
            ? revoke(before, session, nowMillis: nowMillis, &random) : restore(before, session)
        state.withLock { state in
            switch fate {
            case .done:
                state.standing = before.standing == .open ? .shut : .open
                if let id = data?["keyId"]?.string, let secret = data?["key"]?.string {
                    (state.keyID, state.secret) = (id, secret)
                }
            case .notDone: state.standing = before.standing
            case .unknown: break
            }
        }
        return fate
    }

    private func begin() {
        state.withLock {
            $0.epoch += 1
            $0.standing = .changing
        }
    }

    /// The first look after a start settles what is open, and must confirm what is not.
    func settle(isAllowed: Bool, code: String) -> String? {
        state.withLock { state in
            let seen = isAllowed ? Standing.open : .shut
            let expected = state.standing
            state.epoch += 1
            state.standing = seen
            if !isAllowed && code != kind.refusal {
                return "refused with \(code) and not with \(kind.refusal)"
            }
            if expected == .changing || expected == seen { return nil }
            return "an acknowledged change is gone: its key is \(seen) and was \(expected)"
        }
    }

    /// A lie: the checker believes that the right was taken away.
    func pretendShut() {
        state.withLock {
            $0.epoch += 1
            $0.standing = .shut
        }
    }

    // MARK: The calls

    private func revoke(_ state: State, _ session: Session, nowMillis: Int, _ random: inout Random) -> (
        Fate, JSONValue?
    ) {
        let key = #""keyId":"\#(state.keyID)""#
        switch kind {
        case .disabling: return session.change("keys.updateKey", #"{\#(key),"enabled":false}"#)
        case .expiry: return session.change("keys.updateKey", #"{\#(key),"expires":\#(nowMillis - 1000)}"#)
        case .deletion:
            return session.change("keys.deleteKey", #"{\#(key),"permanent":\#(random.once(in: 2))}"#)
        case .permission: return session.change("keys.setPermissions", #"{\#(key),"permissions":[]}"#)
        case .permissionDeletion:
            return session.change("permissions.deletePermission", #"{"permission":"\#(kind.slug)"}"#)
        case .role: return session.change("keys.setRoles", #"{\#(key),"roles":[]}"#)
        case .rolePermissions:
            return session.change(
                "permissions.setRolePermissions", #"{"role":"\#(kind.rawValue)","permissions":[]}"#)
        case .identity:
            return session.change("identities.deleteIdentity", #"{"identity":"\#(kind.rawValue)"}"#)
        }
    }

    private func restore(_ state: State, _ session: Session) -> (Fate, JSONValue?) {
        let key = #""keyId":"\#(state.keyID)""#
        switch kind {
        case .disabling: return session.change("keys.updateKey", #"{\#(key),"enabled":true}"#)
        case .expiry: return session.change("keys.updateKey", #"{\#(key),"expires":null}"#)
        case .deletion: return session.change("keys.createKey", Self.creation(kind, api))
        case .permission, .permissionDeletion:
            return session.change("keys.setPermissions", #"{\#(key),"permissions":["\#(kind.slug)"]}"#)
        case .role: return session.change("keys.setRoles", #"{\#(key),"roles":["\#(kind.rawValue)"]}"#)
        case .rolePermissions:
            return session.change(
                "permissions.setRolePermissions",
                #"{"role":"\#(kind.rawValue)","permissions":["\#(kind.slug)"]}"#)
        case .identity:
            return session.change("keys.updateKey", #"{\#(key),"externalId":"\#(kind.rawValue)"}"#)
        }
    }
}
