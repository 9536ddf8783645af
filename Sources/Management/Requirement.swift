// What a procedure asks of the root key that calls it. Two spellings are equivalent in effect, so a requirement
// is a list of alternatives, and holding any of them is enough; a procedure that needs several things states
// several requirements.

import Access

/// One thing a caller must be allowed to do.
struct Requirement {
    /// Tuples such as `api.*.create_key` and URN tails such as `keyspaces/ks_1#create_key`.
    let alternatives: [String]

    /// An action on an API, or on one of its keys: `api.*.x`, `api.<id>.x`, or the URN at the keyspace.
    static func api(_ id: String, _ action: String, at urnPath: String? = nil) -> Requirement {
        Requirement(
            alternatives: ["api.*.\(action)", "api.\(id).\(action)"]
                + urn(urnPath.map { ["\($0)#\(action)"] } ?? []))
    }

    /// An action on any API.
    static func anyAPI(_ action: String) -> Requirement { Requirement(alternatives: ["api.*.\(action)"]) }

    /// An action on a keyspace that only the URN spelling knows.
    static func keyspace(_ id: String, _ action: String) -> Requirement {
        Requirement(alternatives: urn(["keyspaces/\(id)#\(action)"]))
    }

    /// An action on roles and permissions; for some there is a URN, `path#action` behind the workspace.
    static func rbac(_ action: String, orURN tail: String? = nil) -> Requirement {
        Requirement(alternatives: ["rbac.*.\(action)"] + urn(tail.map { [$0] } ?? []))
    }

    /// Creating a permission that a list names and that does not exist yet.
    static var createPermission: Requirement {
        .rbac("create_permission", orURN: "rbac/permissions/*#create_permission")
    }

    /// An action on identities; with `id` also the permission for that identity alone.
    static func identity(_ action: String, id: String? = nil) -> Requirement {
        let specific = id.map { ["identity.\($0).\(action)"] } ?? []
        let path = "projects/\(anyProject)/identities/\(id ?? "*")#\(action)"
        return Requirement(alternatives: ["identity.*.\(action)"] + specific + urn([path]))
    }

    /// An action on a rate-limit namespace; for some there is a URN path behind the workspace.
    static func ratelimit(_ id: String, _ action: String, at urnPath: String? = nil) -> Requirement {
        Requirement(
            alternatives: ["ratelimit.*.\(action)", "ratelimit.\(id).\(action)"]
                + urn(urnPath.map { ["\($0)#\(action)"] } ?? []))
    }

    /// An action on any rate-limit namespace, or on one that does not exist yet.
    static func anyRatelimit(_ action: String) -> Requirement {
        Requirement(alternatives: ["ratelimit.*.\(action)"])
    }

    /// An action on a root key, or on all of them with `*`.
    static func rootKey(_ id: String, _ action: String) -> Requirement {
        Requirement(alternatives: urn(["rootKeys/\(id)#\(action)"]))
    }

    /// Reading a page of figures about the whole installation: `limits` or `usage`.
    static func figures(_ page: String) -> Requirement { Requirement(alternatives: urn(["\(page)#read"])) }

    private static func urn(_ tails: [String]) -> [String] { tails.map { "unkey:v1:\(Workspace.id):\($0)" } }

    /// Stands for the project in a URN. Here there are no projects, so whichever one a root key names will do.
    static let anyProject = "{project}"

    func isMet(by held: [RootPermission]) -> Bool {
        alternatives.contains { alternative in
            held.contains { Self.permission(alternative, asHeldIn: "\($0)").map($0.grants) == true }
        }
    }

    /// An alternative as a permission, with the project that `held` names. Nil if it is spelled as no
    /// permission can be, which a reference of the caller's choosing brings about: nobody holds that.
    private static func permission(_ alternative: String, asHeldIn held: String) -> RootPermission? {
        var text = alternative
        if text.contains(anyProject) {
            // unkey:v1:<workspace>:projects/<project>/…
            let path = held.split(separator: ":", maxSplits: 3).last.map { $0.split(separator: "/") } ?? []
            let named =
                path.count > 1 && path[0] == "projects" && !path[1].contains("*") ? path[1] : "default"
            text = text.replacing(anyProject, with: named)
        }
        return try? RootPermission(parsing: Array(text.utf8).span)
    }
}

extension RootPermission {
    /// Whether holding this is enough here where `asked` is required. The power over another workspace, however
    /// great, is none over this one.
    func grants(_ asked: RootPermission) -> Bool { applies(to: Workspace.id) && covers(asked) }

    /// Whether this is the power over everything here.
    var grantsEverything: Bool { applies(to: Workspace.id) && isAllPowerful }
}

extension Call {
    /// Whether the caller meets a requirement; the operator meets all.
    func isAllowed(_ requirement: Requirement) -> Bool {
        switch caller {
        case .operator: true
        case .rootKey(_, let permissions, _): requirement.isMet(by: permissions)
        }
    }

    /// Refuses a caller who does not meet every one of `requirements`.
    func require(_ requirements: Requirement...) throws(ManagementError) {
        for requirement in requirements where !isAllowed(requirement) {
            let missing = requirement.alternatives.joined(separator: ", ")
                .replacing(Requirement.anyProject, with: "*")
            throw ManagementError(
                .insufficientPermissions, "the root key lacks one of these permissions: \(missing)")
        }
    }
}
