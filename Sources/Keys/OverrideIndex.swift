// Finding the override that governs an identifier: by hash where the identifier is written out, and among the
// patterns of the namespace where it is not.

import Bytes

struct OverrideIndex {
    /// By namespace and identifier as written.
    private(set) var exact = NumberIndex()
    /// The overrides with a `*`, by namespace.
    private(set) var patterns: [UInt32: [UInt32]] = [:]

    /// Files an override under what `new` says instead of what `old` says. Namespace and identifier of an
    /// override never change.
    mutating func move(_ number: UInt32, _ old: Block?, _ new: Block?) {
        guard (old == nil) != (new == nil), let block = old ?? new else { return }
        let override = OverrideBlock(block: block)
        let hash = block.with(override.identifier) { Self.hash($0, override.namespace) }
        if new != nil { exact.insert(hash, number) } else { exact.remove(hash, number) }
        guard override.isPattern else { return }
        if new != nil {
            patterns[override.namespace, default: []].append(number)
        } else {
            patterns[override.namespace]?.removeAll { $0 == number }
        }
    }

    static func hash(_ identifier: Span<UInt8>, _ namespace: UInt32) -> UInt32 {
        TextHash.of(identifier) &+ namespace &* 0x9E37_79B9
    }
}

extension Catalog {
    /// The namespace with this name, deleted or not.
    func findNamespace(name text: Span<UInt8>) -> Block? {
        let number = texts.namespaceNames.find(TextHash.of(text)) { number in
            guard let block = block(.namespace, number) else { return false }
            return block.equals(NamespaceBlock(block: block).name, text)
        }
        return number.flatMap { block(.namespace, $0) }
    }

    /// The override whose identifier is written exactly so.
    func findOverride(of namespace: UInt32, identifier text: Span<UInt8>) -> Block? {
        let number = texts.overrides.exact.find(OverrideIndex.hash(text, namespace)) { number in
            guard let block = block(.override, number) else { return false }
            let override = OverrideBlock(block: block)
            return override.namespace == namespace && block.equals(override.identifier, text)
        }
        return number.flatMap { block(.override, $0) }
    }

    /// Of the patterns that match, the one with most literal characters, and of those the oldest: numbers are
    /// given out in order.
    func findPattern(of namespace: UInt32, matching text: Span<UInt8>) -> Block? {
        var best: (block: Block, literalCount: Int)?
        for number in texts.overrides.patterns[namespace] ?? [] {
            guard let block = block(.override, number) else { continue }
            let count: Int? = block.with(OverrideBlock(block: block).identifier) { pattern in
                guard IdentifierPattern.matches(text, pattern) else { return nil }
                return IdentifierPattern.literalCount(pattern)
            }
            guard let count else { continue }
            if let best {
                if count < best.literalCount { continue }
                if count == best.literalCount, number > best.block.number { continue }
            }
            best = (block, count)
        }
        return best?.block
    }
}
