// The parameters of a query, found but not decoded: the query is forwarded byte for byte. Only to tell a credential
// by its name is the name read as a backend reads it.

import Bytes

/// A walk over `name=value&name=value`.
enum QueryParameters {
    struct Parameter {
        /// Name, equals sign and value.
        let whole: Range<Int>
        let name: Range<Int>
        /// Empty where there is no equals sign.
        let value: Range<Int>
    }

    /// Calls `body` with each parameter until it returns false.
    static func forEach(in query: Span<UInt8>, _ body: (Parameter) -> Bool) {
        var start = 0
        while start <= query.count {
            var end = start
            var equals: Int?
            while end < query.count, query[end] != UInt8(ascii: "&") {
                if query[end] == UInt8(ascii: "="), equals == nil { equals = end }
                end += 1
            }
            let value = equals.map { $0 + 1..<end } ?? end..<end
            let parameter = Parameter(whole: start..<end, name: start..<(equals ?? end), value: value)
            if end > start, !body(parameter) { return }
            start = end + 1
        }
    }

    /// Whether this is the parameter `name`, in whatever way it is written: a backend takes `api%5Fkey` for
    /// `api_key`, and a plus for a space. An escape that is none stands for itself.
    static func isNamed(_ written: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        if ASCII.equals(written, name) { return true }
        var index = 0
        var count = 0
        while index < written.count, count < name.count {
            var byte = written[index]
            if byte == UInt8(ascii: "%"), index + 2 < written.count,
                let high = Hex.value(written[index + 1]), let low = Hex.value(written[index + 2])
            {
                byte = high << 4 | low
                index += 2
            } else if byte == UInt8(ascii: "+") {
                byte = UInt8(ascii: " ")
            }
            if byte != name[count] { return false }
            index += 1
            count += 1
        }
        return index == written.count && count == name.count
    }
}
