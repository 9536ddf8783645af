// The parameters of a query, found but not decoded: the query is forwarded byte for byte.

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
}
