// The fields of one head or trailer section, in the order they came, as offsets into the bytes they were
// parsed from. Nothing is copied, merged or put in a dictionary: order and duplicates have to survive
// forwarding, and a head has too few fields for hashing to pay.

import Bytes

/// One header field: where its name and its value lie.
public struct HeaderField: Sendable, Equatable {
    public let kind: HeaderKind
    /// Offsets of the name, in the letter case of the sender.
    public let name: Range<Int>
    /// Offsets of the value without the white space around it. May be empty.
    public let value: Range<Int>

    public init(kind: HeaderKind, name: Range<Int>, value: Range<Int>) {
        self.kind = kind
        self.name = name
        self.value = value
    }
}

/// The fields of a head in order. Reusable: emptying it keeps the memory.
public struct HeaderBlock: Sendable {
    public private(set) var fields: [HeaderField] = []
    /// One bit for each `HeaderKind` that occurs, so that asking for an absent header costs no walk.
    private var presentKinds: UInt64 = 0

    public init() {}

    public var count: Int { fields.count }
    public var isEmpty: Bool { fields.isEmpty }
    public subscript(index: Int) -> HeaderField { fields[index] }

    public mutating func append(_ field: HeaderField) {
        fields.append(field)
        presentKinds |= 1 << UInt64(field.kind.rawValue)
    }

    public mutating func removeAll() {
        fields.removeAll(keepingCapacity: true)
        presentKinds = 0
    }

    public func contains(_ kind: HeaderKind) -> Bool {
        presentKinds & (1 << UInt64(kind.rawValue)) != 0
    }

    /// How many fields have this kind.
    public func count(of kind: HeaderKind) -> Int {
        guard contains(kind) else { return 0 }
        var count = 0
        for index in fields.indices where fields[index].kind == kind { count += 1 }
        return count
    }

    /// The index of the first field of this kind at or after `start`.
    public func index(of kind: HeaderKind, from start: Int = 0) -> Int? {
        guard contains(kind) else { return nil }
        for index in start..<max(start, fields.count) where fields[index].kind == kind { return index }
        return nil
    }

    /// The value of the first field of this kind.
    public func value(of kind: HeaderKind) -> Range<Int>? {
        index(of: kind).map { fields[$0].value }
    }

    /// The index of the first field at or after `start` whose name equals `name` in any letter case.
    /// `bytes` are those the offsets refer to.
    public func index(named name: Span<UInt8>, in bytes: Span<UInt8>, from start: Int = 0) -> Int? {
        for index in start..<max(start, fields.count)
        where fields[index].name.count == name.count
            && ASCII.equalsIgnoringCase(bytes.extracting(fields[index].name), name)
        {
            return index
        }
        return nil
    }

    /// The same for a name known at compile time; `lowercase` must be written in lower case.
    public func index(named lowercase: StaticString, in bytes: Span<UInt8>, from start: Int = 0) -> Int? {
        for index in start..<max(start, fields.count)
        where ASCII.equalsIgnoringCase(bytes.extracting(fields[index].name), lowercase) {
            return index
        }
        return nil
    }
}
