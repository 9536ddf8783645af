// The name of one permission, ready to be looked up: its bytes and their fingerprint. Names are compared
// byte for byte; `docs.*` is a name like any other and covers nothing but itself.

import Bytes

/// A permission as a key holds it and as a rule asks for it.
///
/// The fingerprint is computed once, when a rule is compiled or a permission is stored, so that a look-up
/// costs one probe and one comparison whatever the length of the name.
public struct PermissionName: Sendable, Hashable, CustomStringConvertible {
    public let bytes: [UInt8]
    /// `PermissionName.fingerprint(of: bytes)`.
    public let fingerprint: UInt64

    /// Takes any bytes; whether they may be given to a key is `isSlug`'s question.
    public init(_ bytes: Span<UInt8>) {
        self.bytes = Array(copying: bytes)
        fingerprint = Self.fingerprint(of: bytes)
    }

    /// What every table of permissions is keyed with.
    public static func fingerprint(of bytes: Span<UInt8>) -> UInt64 {
        var fingerprint = Fingerprint()
        fingerprint.combine(bytes)
        return fingerprint.value
    }

    public static func == (left: PermissionName, right: PermissionName) -> Bool {
        left.fingerprint == right.fingerprint && left.bytes == right.bytes
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    /// The name as text. Names come from operators, so they may be shown in logs and errors.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

extension PermissionName {
    /// The longest slug in bytes.
    public static let maxSlugBytes = 128

    /// Whether the bytes may name a permission that is stored: 1…128 of letters, digits and `_ : - . *`.
    public static func isSlug(_ bytes: Span<UInt8>) -> Bool {
        if bytes.isEmpty || bytes.count > maxSlugBytes { return false }
        for index in bytes.indices where !isSlugByte(bytes[index]) { return false }
        return true
    }

    static func isSlugByte(_ byte: UInt8) -> Bool {
        if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "*"):
            return true
        default:
            return false
        }
    }

    /// What a name in a query consists of: a slug's bytes and `/`, which no slug contains but which the
    /// query grammar has always allowed.
    static func isQueryByte(_ byte: UInt8) -> Bool { isSlugByte(byte) || byte == UInt8(ascii: "/") }
}

/// Whoever can be asked for a permission: a key with the permissions of its roles.
public protocol PermissionHolder: ~Copyable {
    /// Whether exactly this permission is held. Called on the request path: must not allocate.
    borrowing func holds(_ name: PermissionName) -> Bool
}
