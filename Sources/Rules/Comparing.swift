// What it means for two values of an expression to be equal, or one less than the other.
//
// The difficulty is what to say when they are of different kinds. There are two answers, and mixing them up
// opens doors: "different" (a number is not a text: `!=` holds, nothing else does) and "undecidable" (one side
// is missing or ambiguous, or should be a time or an address and is none: nothing holds, not even `!=`).

import Access
public import Bytes

@usableFromInline enum Comparing {
    private enum Relation {
        case less, equal, greater
        /// Not equal, and in no order.
        case different
        case undecidable
    }

    @usableFromInline static func holds(
        _ left: LoadedValue, _ comparison: Comparison, _ right: LoadedValue, _ bytes: Span<UInt8>
    ) -> Bool {
        switch (relation(left, right, bytes), comparison) {
        case (.equal, .equal), (.equal, .lessOrEqual), (.equal, .greaterOrEqual): true
        case (.less, .less), (.less, .lessOrEqual), (.less, .notEqual): true
        case (.greater, .greater), (.greater, .greaterOrEqual), (.greater, .notEqual): true
        case (.different, .notEqual): true
        case (.equal, .less), (.equal, .greater), (.equal, .notEqual): false
        case (.less, .equal), (.less, .greater), (.less, .greaterOrEqual): false
        case (.greater, .equal), (.greater, .less), (.greater, .lessOrEqual): false
        case (.different, .equal), (.different, .less), (.different, .lessOrEqual), (.different, .greater),
            (.different, .greaterOrEqual):
            false
        case (.undecidable, _): false
        }
    }

    /// Whether `value` equals `item`, or an element of it if that is a list.
    @usableFromInline static func isAmong(
        _ value: LoadedValue, _ item: LoadedValue, _ scratch: inout ByteBuffer
    ) -> Bool {
        switch item.value {
        case .json, .names: contains(item, value, &scratch)
        case .missing, .ambiguous, .bool, .integer, .decimal, .text, .address, .network:
            relation(value, item, scratch.bytes) == .equal
        }
    }

    /// Whether `value` equals an element of `list`. What is not a list has no elements.
    @usableFromInline static func contains(
        _ list: LoadedValue, _ value: LoadedValue, _ scratch: inout ByteBuffer
    ) -> Bool {
        switch list.value {
        case .names(let range):
            var names = NameList(range)
            while let name = names.next(scratch.bytes) {
                let element = LoadedValue(constant: .text(name))
                if relation(value, element, scratch.bytes) == .equal { return true }
            }
            return false
        case .json(let range):
            let count = scratch.count
            var elements = JSONElements(range)
            while let element = elements.next(&scratch) {
                if relation(value, LoadedValue(constant: element), scratch.bytes) == .equal { return true }
                scratch.truncate(to: count)
            }
            return false
        case .missing, .ambiguous, .bool, .integer, .decimal, .text, .address, .network:
            return false
        }
    }

    private static func relation(_ left: LoadedValue, _ right: LoadedValue, _ bytes: Span<UInt8>) -> Relation
    {
        switch (left.value, right.value) {
        case (.missing, _), (_, .missing), (.ambiguous, _), (_, .ambiguous):
            return .undecidable
        case (.bool(let one), .bool(let other)):
            return one == other ? .equal : .different
        case (.integer(let one), .integer(let other)):
            return order(one < other, one == other)
        case (.decimal(let one), .decimal(let other)):
            return order(one < other, one == other)
        case (.integer(let one), .decimal(let other)):
            return order(one, other)
        case (.decimal(let one), .integer(let other)):
            return mirrored(order(other, one))
        case (.text(let one), .text(let other)):
            return order(bytes.extracting(one), bytes.extracting(other))
        case (.text(let text), _):
            return relation(text: bytes.extracting(text), isRequestText: left.isRequestText, right)
        case (_, .text(let text)):
            return mirrored(relation(text: bytes.extracting(text), isRequestText: right.isRequestText, left))
        case (.address(let address), .address(let other)):
            return address == other ? .equal : .different
        case (.address(let address), .network(let network)), (.network(let network), .address(let address)):
            return network.contains(address) ? .equal : .different
        case (.bool, _), (.integer, _), (.decimal, _), (.address, _), (.network, _), (.json, _), (.names, _):
            return .different
        }
    }

    /// A text beside something that is none.
    private static func relation(text: Span<UInt8>, isRequestText: Bool, _ other: LoadedValue) -> Relation {
        switch other.value {
        case .integer(let number) where other.isNow:
            if isRequestText, case .integer(let milliseconds)? = JSONNumber.value(of: text) {
                return order(milliseconds < number, milliseconds == number)
            }
            guard let milliseconds = Timestamp.milliseconds(parsing: text) else { return .undecidable }
            return order(milliseconds < number, milliseconds == number)
        case .integer, .decimal:
            guard isRequestText, let number = JSONNumber.value(of: text) else { return .different }
            return relation(LoadedValue(constant: number), other, text)
        case .bool(let flag):
            guard isRequestText else { return .different }
            return ASCII.equals(text, flag ? "true" : "false") ? .equal : .different
        case .address(let address):
            do {
                return try IPNetwork(parsing: text).contains(address) ? .equal : .different
            } catch {
                return .undecidable
            }
        case .missing, .ambiguous:
            return .undecidable
        case .text, .network, .json, .names:
            return .different
        }
    }

    private static func order(_ isLess: Bool, _ isEqual: Bool) -> Relation {
        isEqual ? .equal : isLess ? .less : .greater
    }

    /// Exact: a double has 53 bits, an integer here 64, so turning one into the other loses the difference
    /// between 9007199254740993 and 9007199254740992.
    private static func order(_ integer: Int64, _ decimal: Double) -> Relation {
        if decimal >= 0x1p63 { return .less }
        if decimal < -0x1p63 { return .greater }
        let whole = decimal.rounded(.down)
        let floor = Int64(whole)
        if integer != floor { return integer < floor ? .less : .greater }
        return whole == decimal ? .equal : .less
    }

    private static func order(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Relation {
        let common = min(one.count, other.count)
        for index in 0..<common where one[index] != other[index] {
            return one[index] < other[index] ? .less : .greater
        }
        return order(one.count < other.count, one.count == other.count)
    }

    private static func mirrored(_ relation: Relation) -> Relation {
        switch relation {
        case .less: .greater
        case .greater: .less
        case .equal, .different, .undecidable: relation
        }
    }
}
