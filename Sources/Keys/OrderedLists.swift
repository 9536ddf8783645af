// Lists in the order of ids, for pages. Nothing is sorted until somebody asks for a list; from then on it is
// kept in order, so a page costs a binary search and its own length, not a scan.
//
// Lists are of what is published: a transaction sees the records in their newest state, but not its own
// additions in a list.

import Bytes

/// Numbers of one kind, in the order of their ids.
struct OrderedNumbers {
    private let kind: EntityKind
    private var numbers: [UInt32]
    /// Added since the last look, in no order: a bulk import must not shift the array for each key.
    private var added: [UInt32] = []

    init(_ kind: EntityKind, _ unsorted: [UInt32], _ tables: PublishedTables) {
        self.kind = kind
        numbers = Self.sorted(unsorted, kind, tables)
    }

    /// Sorting compares the first eight bytes of the ids first, a prefix and four random characters: those of
    /// a million keys then lie together in memory, and blocks are touched only for the few that share them.
    private static func sorted(_ numbers: [UInt32], _ kind: EntityKind, _ tables: PublishedTables) -> [UInt32]
    {
        let table = tables.table(kind)
        var entries: [(lead: UInt64, number: UInt32)] = []
        entries.reserveCapacity(numbers.count)
        for number in numbers {
            guard let block = table[number] else { continue }
            entries.append((block.with(block.idSection, lead), number))
        }
        entries.sort { left, right in
            if left.lead != right.lead { return left.lead < right.lead }
            guard let leftBlock = table[left.number], let rightBlock = table[right.number] else {
                return false
            }
            return Block.precedes(leftBlock, leftBlock.idSection, rightBlock, rightBlock.idSection)
        }
        return entries.map(\.number)
    }

    private static func lead(_ id: Span<UInt8>) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<8 { value = value << 8 | (index < id.count ? UInt64(id[index]) : 0) }
        return value
    }

    mutating func add(_ number: UInt32) { added.append(number) }

    /// Removes an entity whose block is `old`, which need not be in the table any more.
    mutating func remove(_ old: Block, _ tables: PublishedTables) {
        if let index = added.firstIndex(of: old.number) {
            added.swapAt(index, added.count - 1)
            added.removeLast()
            return
        }
        let table = tables.table(kind)
        let index = lowerBound { number in
            let block = number == old.number ? old : table[number]
            guard let block else { return false }
            return Block.precedes(block, block.idSection, old, old.idSection)
        }
        if index < numbers.count, numbers[index] == old.number { numbers.remove(at: index) }
    }

    /// Puts what was added in its place.
    mutating func settle(_ tables: PublishedTables) {
        if added.isEmpty { return }
        if added.count > 32 + numbers.count / 4096 {
            numbers = Self.sorted(numbers + added, kind, tables)
        } else {
            let table = tables.table(kind)
            for number in added {
                guard let new = table[number] else { continue }
                let index = lowerBound { other in
                    guard let block = table[other] else { return false }
                    return Block.precedes(block, block.idSection, new, new.idSection)
                }
                numbers.insert(number, at: index)
            }
        }
        added.removeAll()
    }

    /// Calls `body` with the numbers in order, beginning with the first id that is not before `cursor`,
    /// until it returns false.
    func forEach(from cursor: String?, _ tables: PublishedTables, _ body: (UInt32) -> Bool) {
        let table = tables.table(kind)
        var index = 0
        if let cursor {
            let text = cursor.utf8.span
            index = lowerBound { number in
                guard let block = table[number] else { return false }
                return block.with(block.idSection) { Self.precedes($0, text) }
            }
        }
        while index < numbers.count, body(numbers[index]) { index += 1 }
    }

    private static func precedes(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return left[index] < right[index]
        }
        return left.count < right.count
    }

    private func lowerBound(_ isBefore: (UInt32) -> Bool) -> Int {
        var low = 0
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(numbers[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The lists that somebody has asked for.
struct OrderedLists {
    private var all: [EntityKind: OrderedNumbers] = [:]
    private var keysOfAPI: [UInt32: OrderedNumbers] = [:]
    private var overridesOfNamespace: [UInt32: OrderedNumbers] = [:]
    /// Built for all identities at once, on the first question about one.
    private var keysOfIdentity: [UInt32: [UInt32]]?

    /// Follows a publication.
    mutating func change(_ ref: EntityRef, _ old: Block?, _ new: Block?, _ tables: PublishedTables) {
        if old == nil, new != nil { all[ref.kind]?.add(ref.number) }
        if new == nil, let old { all[ref.kind]?.remove(old, tables) }
        if ref.kind == .override, (old == nil) != (new == nil), let block = old ?? new {
            let namespace = OverrideBlock(block: block).namespace
            if let old { overridesOfNamespace[namespace]?.remove(old, tables) }
            if new != nil { overridesOfNamespace[namespace]?.add(ref.number) }
        }
        guard ref.kind == .key else { return }
        let oldKey = old.map { KeyBlock(block: $0) }
        let newKey = new.map { KeyBlock(block: $0) }
        if oldKey?.api != newKey?.api {
            if let oldKey { keysOfAPI[oldKey.api]?.remove(oldKey.block, tables) }
            if let newKey { keysOfAPI[newKey.api]?.add(ref.number) }
        }
        if keysOfIdentity != nil, oldKey?.identity != newKey?.identity {
            if let identity = oldKey?.identity { keysOfIdentity?[identity]?.removeAll { $0 == ref.number } }
            if let identity = newKey?.identity, identity != 0 {
                keysOfIdentity?[identity, default: []].append(ref.number)
            }
        }
    }

    mutating func withAll(
        _ kind: EntityKind, _ last: UInt32, _ tables: PublishedTables, _ body: (OrderedNumbers) -> Void
    ) {
        all[kind, default: OrderedNumbers(kind, Self.present(kind, last, tables) { _ in true }, tables)]
            .settle(tables)
        if let list = all[kind] { body(list) }
    }

    mutating func withKeys(
        ofAPI api: UInt32, _ last: UInt32, _ tables: PublishedTables, _ body: (OrderedNumbers) -> Void
    ) {
        let isOfAPI = { (block: Block) in KeyBlock(block: block).api == api }
        keysOfAPI[api, default: OrderedNumbers(.key, Self.present(.key, last, tables, isOfAPI), tables)]
            .settle(tables)
        if let list = keysOfAPI[api] { body(list) }
    }

    mutating func withOverrides(
        ofNamespace namespace: UInt32, _ last: UInt32, _ tables: PublishedTables,
        _ body: (OrderedNumbers) -> Void
    ) {
        let isOfNamespace = { (block: Block) in OverrideBlock(block: block).namespace == namespace }
        overridesOfNamespace[
            namespace,
            default: OrderedNumbers(
                .override, Self.present(.override, last, tables, isOfNamespace), tables)
        ].settle(tables)
        if let list = overridesOfNamespace[namespace] { body(list) }
    }

    /// The numbers of an identity's keys, in no order.
    mutating func keys(ofIdentity identity: UInt32, _ last: UInt32, _ tables: PublishedTables) -> [UInt32] {
        if keysOfIdentity == nil {
            var grouped: [UInt32: [UInt32]] = [:]
            for number in Self.present(.key, last, tables, { KeyBlock(block: $0).identity != 0 }) {
                guard let block = tables.keys[number] else { continue }
                grouped[KeyBlock(block: block).identity, default: []].append(number)
            }
            keysOfIdentity = grouped
        }
        return keysOfIdentity?[identity] ?? []
    }

    private static func present(
        _ kind: EntityKind, _ last: UInt32, _ tables: PublishedTables, _ isWanted: (Block) -> Bool
    ) -> [UInt32] {
        let table = tables.table(kind)
        var numbers: [UInt32] = []
        var number: UInt32 = 1
        while number <= last {
            if let block = table[number], isWanted(block) { numbers.append(number) }
            number += 1
        }
        return numbers
    }
}
