// One movement of credits, as the ledger has it. An entry is written in the record of the journal that makes
// the movement, so there is none without the other; from there it is copied into the ledger's file before
// the journal goes. Byte for byte:
//
//      0 u8 kind   1 u8 length of the reference   2 u16 0   4 u32 number of the key
//      8 u32 movements that were folded into this one   12 u32 0
//     16 u64 transaction   24 i64 time, ms   32 i64 amount   40 i64 balance after   48 i64 leased after
//     56 the reference: a request's id; for the end of a key, its id
//
// What a key has is in two accounts: its balance, and what of it is out on lease. Each kind moves its amount
// into or out of one or both, and says what they are afterwards; so a ledger that lacks an entry, or has one
// that never was, does not add up.

import Bytes

/// What moved credits. Raw values are part of the file format.
public enum LedgerKind: UInt8, CaseIterable, Sendable {
    /// What there was when the ledger began, or what entries that were folded away had come to.
    case opening = 1
    case grant = 2
    /// Taken away by whoever manages the key; all that is left, when it becomes unlimited or is deleted.
    case withdrawal = 3
    case refill = 4
    /// Paid by a request.
    case spend = 5
    /// Set aside to be spent without asking the disk.
    case lease = 6
    /// Put back from the lease.
    case leaseReturn = 7
    /// Paid by requests, out of the lease: their sum since it was last written down.
    case leaseSpend = 8
    /// What was on lease when the process died: spent or not, nobody can tell, so it counts as gone.
    case writeOff = 9
    /// Given back for a request that cost less than was taken for it.
    case refund = 10
    case leaseRefund = 11
    /// Taken for a request that cost more than had been taken for it.
    case surcharge = 12
    case leaseSurcharge = 13
    /// What a request cost beyond all that was there. Moves nothing.
    case uncollected = 14

    /// What an entry does to the balance and to what is on lease, in amounts. An opening sets both.
    var effect: (balance: Int64, leased: Int64) {
        switch self {
        case .opening, .uncollected: (0, 0)
        case .grant, .refill, .refund: (1, 0)
        case .withdrawal, .spend, .surcharge: (-1, 0)
        case .lease: (-1, 1)
        case .leaseReturn: (1, -1)
        case .leaseSpend, .leaseSurcharge, .writeOff: (0, -1)
        case .leaseRefund: (0, 1)
        }
    }

    /// Whether entries of this kind that follow each other may become one. What somebody granted or took away
    /// stays as it was.
    var isFoldable: Bool {
        switch self {
        case .opening, .grant, .withdrawal, .refill, .writeOff, .uncollected: false
        case .spend, .lease, .leaseReturn, .leaseSpend, .refund, .leaseRefund, .surcharge, .leaseSurcharge:
            true
        }
    }

    /// As people and programs read it.
    public var name: String {
        switch self {
        case .opening: "opening"
        case .grant: "grant"
        case .withdrawal: "withdrawal"
        case .refill: "refill"
        case .spend: "spend"
        case .lease: "lease"
        case .leaseReturn: "lease-return"
        case .leaseSpend: "lease-spend"
        case .writeOff: "lease-write-off"
        case .refund: "refund"
        case .leaseRefund: "lease-refund"
        case .surcharge: "surcharge"
        case .leaseSurcharge: "lease-surcharge"
        case .uncollected: "uncollected"
        }
    }
}

/// An entry of the ledger.
public struct LedgerEntry: Hashable, Sendable {
    static let fixedLength = 56
    static let maxReferenceLength = 255

    let key: UInt32
    /// The number of the transaction that made the movement; the journal fills it in.
    public internal(set) var transaction: UInt64 = 0
    /// Milliseconds since 1970.
    public let timeMillis: Int64
    public let kind: LedgerKind
    /// Never negative.
    public let amount: Int64
    /// What the record of the key says afterwards, without what is on lease.
    public let balance: Int64
    public let leased: Int64
    /// How many movements were folded into this one; their amounts are added up.
    public var count: UInt32 = 1
    /// The id of the request, if it is one request's; the id of the key in the entry that ends it.
    public var reference: [UInt8] = []

    func encode(into out: inout ByteBuffer) {
        out.append(kind.rawValue)
        out.append(UInt8(reference.count))
        out.append(little: UInt16(0))
        out.append(little: key)
        out.append(little: count)
        out.append(little: UInt32(0))
        out.append(little: transaction)
        out.append(little: timeMillis)
        out.append(little: amount)
        out.append(little: balance)
        out.append(little: leased)
        out.append(reference.span)
    }

    var encodedLength: Int { Self.fixedLength + reference.count }

    /// The entry that `bytes` has at `offset`.
    static func decode(_ bytes: Span<UInt8>, at offset: Int) throws(BlockError) -> LedgerEntry {
        guard bytes.count - offset >= fixedLength else { throw .damaged("a ledger entry is cut off") }
        guard let kind = LedgerKind(rawValue: bytes[offset]) else {
            throw .damaged("a ledger entry of unknown kind \(bytes[offset])")
        }
        let end = offset + fixedLength + Int(bytes[offset + 1])
        guard end <= bytes.count else { throw .damaged("a ledger entry is cut off") }
        let entry = LedgerEntry(
            key: bytes.little32(at: offset + 4), transaction: bytes.little64(at: offset + 16),
            timeMillis: Int64(bitPattern: bytes.little64(at: offset + 24)), kind: kind,
            amount: Int64(bitPattern: bytes.little64(at: offset + 32)),
            balance: Int64(bitPattern: bytes.little64(at: offset + 40)),
            leased: Int64(bitPattern: bytes.little64(at: offset + 48)),
            count: bytes.little32(at: offset + 8),
            reference: Array(copying: bytes.extracting(offset + fixedLength..<end)))
        guard entry.amount >= 0 else { throw .damaged("a ledger entry with a negative amount") }
        return entry
    }
}
