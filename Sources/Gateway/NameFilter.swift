// Recognises a header name however it is spelled. Servers and frameworks turn `X-Tenant-Id`, `x_tenant_id`
// and `X.Tenant.Id` into one variable (CGI's HTTP_X_TENANT_ID), and some do so with every character that is no
// letter and no digit, so a client's copy under any of these spellings would be taken for ours.

import Bytes

/// A small set of header names, compared with case folded and all that is no letter and no digit alike.
struct NameFilter {
    /// Folded names.
    private var names: [[UInt8]] = []
    /// Bit n is set if a name of n bytes is in the set (bit 63: of 63 or more): most names are let through
    /// by this alone.
    private var lengths: UInt64 = 0

    init(_ names: [String] = []) {
        for name in names { insert(Array(name.utf8)) }
    }

    mutating func insert(_ name: [UInt8]) {
        let folded = name.map { NameFilter.fold($0) }
        if names.contains(folded) { return }
        names.append(folded)
        lengths |= 1 << UInt64(min(63, folded.count))
    }

    func contains(_ name: Span<UInt8>) -> Bool {
        if lengths & (1 << UInt64(min(63, name.count))) == 0 { return false }
        next: for candidate in names where candidate.count == name.count {
            for index in name.indices where NameFilter.fold(name[index]) != candidate[index] { continue next }
            return true
        }
        return false
    }

    private static func fold(_ byte: UInt8) -> UInt8 {
        let lower = ASCII.lower(byte)
        return ASCII.isLetter(lower) || ASCII.isDigit(lower) ? lower : UInt8(ascii: "-")
    }
}
