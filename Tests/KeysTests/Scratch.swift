// What the tests of the store share: a directory that goes away, and short ways to make things.

import Access
import Bytes
import Glibc

@testable import Keys

/// A directory under /tmp, removed with everything in it when this goes away.
final class Scratch: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/keygate-test-XXXXXX".utf8CString)
        precondition(unsafe mkdtemp(&template) != nil, "no directory under /tmp")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    var store: String { path + "/store" }
    static var processID: Int32 { getpid() }

    static func remove(_ path: String) {
        for name in (try? Disk().names(in: path)) ?? [] {
            if unsafe unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        }
        _ = unsafe rmdir(path)
    }

    static func read(_ path: String) throws -> [UInt8] {
        let file = try Disk().openForReading(path)
        var buffer = ByteBuffer()
        try Disk().read(file, try Disk().length(file, path), into: &buffer, path)
        return Array(copying: buffer.bytes)
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try Disk().create(path)
        try Disk().write(file, bytes.span, path)
    }
}

func digest(_ text: String) -> KeyDigest {
    let bytes = Array(text.utf8)
    return KeyDigest(hashing: bytes.span)
}

func permissionName(_ text: String) -> PermissionName {
    let bytes = Array(text.utf8)
    return PermissionName(bytes.span)
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension KeyStore {
    /// One transaction of the store's own errors.
    @discardableResult
    func change<R>(
        _ body: (inout Transaction) throws(StoreError) -> R
    ) throws(TransactionFailure<StoreError>) -> R {
        try transact(body)
    }
}

/// The contents of a store, for comparing it with itself after a restart.
struct Contents: Equatable {
    var apis: [APIRecord]
    var keys: [KeyRecord]
    var identities: [IdentityRecord]
    var permissions: [PermissionRecord]
    var roles: [RoleRecord]
    var rootKeys: [RootKeyRecord]

    init(_ store: KeyStore) throws {
        self = try store.change { (transaction) throws(StoreError) in
            let apis = transaction.apis(limit: .max).records
            var contents = Contents(
                apis: apis, keys: [], identities: transaction.identities(limit: .max).records,
                permissions: transaction.permissions(limit: .max).records,
                roles: transaction.roles(limit: .max).records,
                rootKeys: transaction.rootKeys(limit: .max).records)
            for api in apis { contents.keys += transaction.keys(of: api.reference, limit: .max).records }
            return contents
        }
    }

    private init(
        apis: [APIRecord], keys: [KeyRecord], identities: [IdentityRecord], permissions: [PermissionRecord],
        roles: [RoleRecord], rootKeys: [RootKeyRecord]
    ) {
        self.apis = apis
        self.keys = keys
        self.identities = identities
        self.permissions = permissions
        self.roles = roles
        self.rootKeys = rootKeys
    }
}

/// Numbers that look random and are the same in every run.
struct FixedRandom: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
