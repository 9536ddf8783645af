// "did you mean": the known word that takes the fewest single-letter changes.

public enum NearestWord {
    /// The nearest of `known`, if it is near enough to be what was meant: a third of its letters may differ.
    public static func nearest(to word: String, in known: [String]) -> String? {
        let typed = Array(word.lowercased().utf8)
        guard typed.count <= 40 else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in known {
            let limit = max(1, min(typed.count, candidate.utf8.count) / 3)
            let distance = distance(typed, Array(candidate.lowercased().utf8))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.word
    }

    /// `; did you mean "…"?`, or nothing. A word that is cut short is meant as well, if only one goes on so.
    public static func hint(for word: String, in known: [String]) -> String {
        (nearest(to: word, in: known) ?? continued(word, in: known)).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    private static func continued(_ word: String, in known: [String]) -> String? {
        guard word.utf8.count >= 3 else { return nil }
        let longer = known.filter { $0.lowercased().hasPrefix(word.lowercased()) }
        return longer.count == 1 ? longer[0] : nil
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(previous[column + 1], current[column]) + 1
                cost = min(cost, previous[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforePrevious[column - 1] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
