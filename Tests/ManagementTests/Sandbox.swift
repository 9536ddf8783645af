// A store of its own for each test, and calls on it as the API would make them.

import Access
import Analytics
import Bytes
import Glibc
import JSON
import Keys
import Limits
import Testing

@testable import Management

/// A fresh store in a temporary directory, removed at the end.
final class Sandbox {
    private let directory: String
    private let store: KeyStore
    let counters = RateCounters()
    let events = EventLog(workspaceID: Workspace.id)
    /// Where calls come from.
    var address: IPAddress?

    init() throws {
        var template = Array("/tmp/keygate-management-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no temporary directory") }
        directory = unsafe String(cString: made)
        store = try KeyStore.open(directory)
    }

    deinit {
        guard let listing = unsafe opendir(directory) else { return }
        while let entry = unsafe readdir(listing) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            _ = unsafe unlink("\(directory)/\(name)")
        }
        unsafe closedir(listing)
        _ = unsafe rmdir(directory)
    }

    /// The answer to a call, whatever it is.
    func call(_ procedure: String, _ body: String, as caller: Caller = .operator) -> ManagementAnswer {
        let bytes = Array(body.utf8)
        do throws(ManagementError) {
            guard let call = try PreparedCall(procedure: procedure, body: bytes.span, from: .local) else {
                preconditionFailure("there is no procedure \(procedure)")
            }
            return transact(call, caller).completed()
        } catch {
            return ManagementAnswer(error, requestId: "req_test")
        }
    }

    private func transact(_ call: PreparedCall, _ caller: Caller) -> ManagementAnswer {
        do throws(TransactionFailure<ManagementError>) {
            return try store.transact { (transaction) throws(ManagementError) in
                try call.perform(
                    as: caller, requestId: "req_test", using: CallServices(counters: counters, events: events, address: address),
                    in: &transaction)
            }
        } catch {
            return ManagementAnswer(.failure(error), requestId: "req_test")
        }
    }

    /// The id of a namespace; no procedure tells it.
    func namespaceId(_ name: String) throws -> String? {
        try store.transact { (store) throws(StoreError) in store.namespace(idOrName: name)?.id }
    }

    /// Deletes a namespace, which no procedure can.
    func deleteNamespace(_ name: String) throws {
        try store.transact { (store) throws(StoreError) in
            guard let namespace = store.namespace(idOrName: name) else { throw .notFound(.namespace, name) }
            try store.deleteNamespace(namespace.reference)
        }
    }

    /// The `data` of a call that must succeed.
    @discardableResult
    func data(
        _ procedure: String, _ body: String, as caller: Caller = .operator,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONValue {
        let answer = call(procedure, body, as: caller)
        #expect(answer.status == 200, "\(procedure): \(answer.body)", sourceLocation: sourceLocation)
        return answer.body["data"] ?? .null
    }

    /// Expects a refusal of this kind.
    func refuses(
        _ kind: ManagementError.Kind, _ procedure: String, _ body: String, as caller: Caller = .operator,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let answer = call(procedure, body, as: caller)
        #expect(answer.error?.kind == kind, "\(procedure): \(answer.body)", sourceLocation: sourceLocation)
        #expect(answer.status == kind.status, sourceLocation: sourceLocation)
    }

    // MARK: Shorthands

    func createAPI(_ name: String = "billing") throws -> String {
        try #require(try data("apis.createApi", "{\"name\":\"\(name)\"}")["apiId"]?.text)
    }

    /// A key, with further members as JSON such as `"enabled":false`.
    func createKey(in apiId: String, _ members: String = "") throws -> (id: String, text: String) {
        let made = try data(
            "keys.createKey", "{\"apiId\":\"\(apiId)\"\(members.isEmpty ? "" : "," + members)}")
        return (try #require(made["keyId"]?.text), try #require(made["key"]?.text))
    }

    func key(_ id: String) throws -> JSONValue { try data("keys.getKey", "{\"keyId\":\"\(id)\"}") }

    func verify(_ text: String, _ members: String = "") throws -> JSONValue {
        try data("keys.verifyKey", "{\"key\":\"\(text)\"\(members.isEmpty ? "" : "," + members)}")
    }

    /// A root key that holds just these permissions.
    static func rootKey(_ permissions: String..., expiresAtMillis: Int64? = nil) throws -> Caller {
        try rootKey(permissions, expiresAtMillis: expiresAtMillis)
    }

    static func rootKey(_ permissions: [String], expiresAtMillis: Int64? = nil) throws -> Caller {
        let held = try permissions.map { try RootPermission(parsing: Array($0.utf8).span) }
        return .rootKey(id: "key_root", permissions: held, expiresAtMillis: expiresAtMillis)
    }
}

extension JSONValue {
    /// The texts of an array of strings, or of one member of an array of objects.
    func texts(_ member: String? = nil) -> [String] {
        (elements ?? []).compactMap { element in
            guard let member else { return element.text }
            return element[member]?.text
        }
    }
}
