// What a column is called that has no alias: the expression in the spelling of ClickHouse, where operators
// are functions (`plus(a, 1)`) and `COUNT(*)` is `count()`.

extension SyntaxNode {
    /// The expression as a name, cut where it gets long.
    var columnName: String {
        var text = ""
        append(to: &text)
        return text
    }

    private func append(to text: inout String) {
        // Names are for people, and parts of a tree may be shared: no name is worth walking all of it.
        guard text.utf8.count < 256 else { return }
        switch self {
        case .literal(.text(let bytes)): text += "'" + String(decoding: bytes, as: UTF8.self) + "'"
        case .literal(.null): text += "NULL"
        case .literal(let value): text += String(decoding: value.written, as: UTF8.self)
        case .name(let name): text += name
        case .call(let name, let parameters, let arguments, let isDistinct):
            let canonical =
                AggregateFunction(named: name)?.rawValue ?? ScalarFunction(named: name)?.rawValue ?? name
            text += canonical
            if !parameters.isEmpty { Self.append(parameters, to: &text) }
            if isDistinct { text += "Distinct" }
            if case .star = arguments.first { text += "()" } else { Self.append(arguments, to: &text) }
        case .operation(let function, let operands):
            text += function.rawValue
            Self.append(operands, to: &text)
        case .all(let operands):
            text += "and"
            Self.append(operands, to: &text)
        case .any(let operands):
            text += "or"
            Self.append(operands, to: &text)
        case .choice(let branches, let otherwise):
            text += "multiIf"
            Self.append(branches.flatMap { [$0.condition, $0.value] } + [otherwise], to: &text)
        case .interval(let amount, let unit):
            text += "toInterval" + unit.rawValue.capitalisedFirst
            Self.append([amount], to: &text)
        case .list(let elements): Self.append(elements, to: &text)
        case .member(let value, let elements):
            text += "in("
            value.append(to: &text)
            text += ", "
            Self.append(elements, to: &text)
            text += ")"
        case .memberOf(let value, _):
            text += "in("
            value.append(to: &text)
            text += ", _subquery)"
        case .lambda(let name, let body):
            text += name + " -> "
            body.append(to: &text)
        case .subquery: text += "_subquery"
        case .star: text += "*"
        }
    }

    private static func append(_ nodes: [SyntaxNode], to text: inout String) {
        text += "("
        for (index, node) in nodes.enumerated() {
            if index > 0 { text += ", " }
            node.append(to: &text)
        }
        text += ")"
    }
}

extension String {
    fileprivate var capitalisedFirst: String { prefix(1).uppercased() + dropFirst() }
}
