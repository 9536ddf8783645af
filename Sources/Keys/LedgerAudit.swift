// Adding up the ledger: every entry must say what the one before it and its own amount come to, and the last
// one of each key what its record says. Nothing is changed.

/// What checking a ledger found.
public struct LedgerReport: Sendable {
    /// A place where the ledger does not add up.
    public struct Finding: Sendable, Hashable {
        public enum Account: String, Sendable {
            case balance
            case leased
        }

        /// The id of the key; nil if no record has its number any more.
        public let keyID: String?
        public let keyNumber: Int
        /// The transaction of the entry and what it is; nil for the record of the key itself.
        public let entry: (transaction: Int, kind: LedgerKind)?
        public let account: Account
        /// What the entries before come to.
        public let expected: Int64
        /// What stands there.
        public let found: Int64

        public static func == (left: Self, right: Self) -> Bool {
            left.keyNumber == right.keyNumber && left.entry?.transaction == right.entry?.transaction
                && left.entry?.kind == right.entry?.kind && left.account == right.account
                && left.expected == right.expected && left.found == right.found
        }

        public func hash(into hasher: inout Hasher) {
            hasher.combine(keyNumber)
            hasher.combine(entry?.transaction)
            hasher.combine(account)
        }
    }

    /// The most findings that are kept.
    public static let maxFindings = 100

    public internal(set) var findings: [Finding] = []
    /// All findings, kept or not.
    public internal(set) var findingCount = 0
    /// Parts of the ledger's file that cannot be read.
    public internal(set) var damage: [StoreFileError] = []
    /// Files that were damaged and laid aside by a compaction, which began anew with what the records said: what
    /// came before the moment in the name of the last is in them.
    public internal(set) var asideFiles: [String] = []
    /// The time of the first entry behind all damage; nil if nothing is damaged, or nothing comes after it.
    public internal(set) var completeSinceMillis: Int64?
    public internal(set) var entryCount = 0
    /// Keys that have credits now.
    public internal(set) var keyCount = 0
    /// Of these, keys that have not moved any since there is a ledger.
    public internal(set) var untouchedCount = 0
    /// What the entries of each kind come to, by raw value.
    var amounts = InlineArray<16, Int64>(repeating: 0)
    /// What the records say.
    public internal(set) var balance: Int64 = 0
    public internal(set) var leased: Int64 = 0

    public func amount(_ kind: LedgerKind) -> Int64 { amounts[Int(kind.rawValue)] }

    /// Whether everything adds up and all of it can be read.
    public var isSound: Bool { findingCount == 0 && damage.isEmpty }
}

struct LedgerAudit {
    private struct Accounts {
        var balance: Int64 = 0
        var leased: Int64 = 0
    }

    private var accounts: [UInt32: Accounts] = [:]
    private var report = LedgerReport()
    private let image: StoreImage

    /// Checks the ledger against the records of `image`, as of whose last transaction it is read.
    static func run(_ image: StoreImage, _ ledger: LedgerStore) throws(StoreFileError) -> LedgerReport {
        var audit = LedgerAudit(image: image)
        var damage: [StoreFileError] = []
        var since: Int64?
        try ledger.forEach(through: image.head.transaction) {
            audit.check($0)
            if !damage.isEmpty, since == nil { since = $0.timeMillis }
        } noteDamage: {
            damage.append($0)
            since = nil
        }
        audit.checkRecords()
        audit.report.damage = damage
        audit.report.completeSinceMillis = since
        audit.report.asideFiles = try ledger.asideNames.map { ledger.directory + "/" + $0 }
        return audit.report
    }

    private init(image: StoreImage) { self.image = image }

    private mutating func check(_ entry: LedgerEntry) {
        report.entryCount += 1
        let index = Int(entry.kind.rawValue)
        report.amounts[index] = report.amounts[index].adding(entry.amount)
        let before = accounts[entry.key]
        let effect = entry.kind.effect
        var expected = before ?? Accounts()
        switch entry.kind {
        case .opening where before == nil:
            expected = Accounts(balance: entry.amount, leased: entry.leased)
        default:
            expected.balance &+= effect.balance * entry.amount
            expected.leased &+= effect.leased * entry.amount
        }
        compare(expected.balance, entry.balance, .balance, entry.key, entry)
        compare(expected.leased, entry.leased, .leased, entry.key, entry)
        // Goes on from what stands there, so that one wrong entry is one finding.
        accounts[entry.key] = Accounts(balance: entry.balance, leased: entry.leased)
    }

    /// Two numbers that must be the same, and not less than nothing.
    private mutating func compare(
        _ expected: Int64, _ found: Int64, _ account: LedgerReport.Finding.Account, _ key: UInt32,
        _ entry: LedgerEntry?
    ) {
        if expected == found, found >= 0 { return }
        report.findingCount += 1
        if report.findings.count == LedgerReport.maxFindings { return }
        report.findings.append(
            LedgerReport.Finding(
                keyID: image.keyID(key), keyNumber: Int(key),
                entry: entry.map { (Int($0.transaction), $0.kind) }, account: account, expected: expected,
                found: found))
    }

    private mutating func checkRecords() {
        image.forEachKey { key in
            let number = key.block.number
            let known = accounts.removeValue(forKey: number)
            let balance = key.remainingCredits ?? 0
            if key.remainingCredits != nil { report.keyCount += 1 }
            report.balance = report.balance.adding(balance)
            report.leased = report.leased.adding(key.leased)
            if known == nil, !key.isInLedger {
                if key.remainingCredits != nil { report.untouchedCount += 1 }
                return
            }
            compare(known?.balance ?? 0, balance, .balance, number, nil)
            compare(known?.leased ?? 0, key.leased, .leased, number, nil)
        }
        // Keys that are gone have taken all they had with them.
        for (number, left) in accounts.sorted(by: { $0.key < $1.key }) {
            compare(left.balance, 0, .balance, number, nil)
            compare(left.leased, 0, .leased, number, nil)
        }
    }
}
