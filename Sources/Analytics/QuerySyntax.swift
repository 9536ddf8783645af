// A query as it is written: names are not resolved yet, and nothing has been judged except that it can be
// read.

/// An expression as written.
indirect enum SyntaxNode: Sendable {
    case literal(QueryValue)
    /// A column or an alias.
    case name(String)
    /// `quantile(0.9)(latency)` has parameters and arguments; `count(DISTINCT x)` is distinct.
    case call(String, parameters: [SyntaxNode] = [], [SyntaxNode], distinct: Bool = false)
    /// An operator; `arguments` in order.
    case operation(ScalarFunction, [SyntaxNode])
    case all([SyntaxNode])
    case any([SyntaxNode])
    case choice([(condition: SyntaxNode, value: SyntaxNode)], otherwise: SyntaxNode)
    case interval(SyntaxNode, TimeUnit)
    /// `(a, b)` or `[a, b]`.
    case list([SyntaxNode])
    case member(SyntaxNode, [SyntaxNode])
    case memberOf(SyntaxNode, Statement)
    case lambda(String, SyntaxNode)
    case subquery(Statement)
    /// `*`
    case star
}

/// One column of a result.
struct SelectItem: Sendable {
    let node: SyntaxNode
    /// After AS; nil if there is none.
    let alias: String?
}

struct OrderItem: Sendable {
    let node: SyntaxNode
    let isDescending: Bool
}

/// Where rows come from.
indirect enum RowSource: Sendable {
    case table(String)
    case subquery(Statement)
}

/// One SELECT.
struct Selection: Sendable {
    var isDistinct = false
    var items: [SelectItem] = []
    var source = RowSource.table("")
    var filter: SyntaxNode?
    var groups: [SyntaxNode] = []
    var having: SyntaxNode?
    var order: [OrderItem] = []
    var limit: Int?
    var offset = 0
}

/// SELECTs put together, behind named ones.
struct Statement: Sendable {
    enum Combination: Sendable { case unionAll, unionDistinct, except, intersect }

    var named: [(name: String, statement: Statement)] = []
    var first: Selection
    var others: [(Combination, Selection)] = []
}

/// Units of an interval.
enum TimeUnit: String, Sendable, CaseIterable {
    case second, minute, hour, day, week, month, quarter, year

    /// The unit of this name, in the singular or the plural and any letter case.
    init?(named name: String) {
        let lower = name.lowercased()
        self.init(rawValue: lower.hasSuffix("s") ? String(lower.dropLast()) : lower)
    }

    /// The length as whole months, or else as milliseconds.
    var months: Int64? {
        switch self {
        case .month: 1
        case .quarter: 3
        case .year: 12
        case .second, .minute, .hour, .day, .week: nil
        }
    }

    var millis: Int64 {
        switch self {
        case .second: CivilTime.second
        case .minute: CivilTime.minute
        case .hour: CivilTime.hour
        case .day: CivilTime.day
        case .week: 7 * CivilTime.day
        case .month, .quarter, .year: 0
        }
    }

    /// The beginning of the unit that an instant lies in. Weeks begin on Mondays when the calendar's do,
    /// which is what `date_trunc` means; `toStartOfWeek` means Sundays.
    func start(of millis: Int64) -> Int64 {
        switch self {
        case .second, .minute, .hour, .day: return CivilTime.floor(millis, to: self.millis)
        // The first of January 1970 was a Thursday.
        case .week: return CivilTime.floor(millis + 3 * CivilTime.day, to: self.millis) - 3 * CivilTime.day
        case .month: return CivilTime.startOfMonth(millis)
        case .quarter:
            let (year, month, _) = CivilTime.date(millis)
            return CivilTime.midnight(year, (month - 1) / 3 * 3 + 1, 1)
        case .year: return CivilTime.midnight(CivilTime.date(millis).year, 1, 1)
        }
    }
}
