// Identifiers with `*`: any run of characters, the empty one included, but no line feed. Everything else stands
// for itself, and the whole text must match.

enum IdentifierPattern {
    private static let star = UInt8(ascii: "*")
    private static let lineFeed = UInt8(ascii: "\n")

    static func isPattern(_ text: Span<UInt8>) -> Bool {
        for index in text.indices where text[index] == star { return true }
        return false
    }

    /// How much of a pattern stands for itself: the more, the more specific it is.
    static func literalCount(_ pattern: Span<UInt8>) -> Int {
        var count = 0
        for index in pattern.indices where pattern[index] != star { count += 1 }
        return count
    }

    /// Never slower than the product of the two lengths: a star that has been passed is never looked at again,
    /// since whatever it could still give up, the star behind it can.
    static func matches(_ text: Span<UInt8>, _ pattern: Span<UInt8>) -> Bool {
        var textIndex = 0
        var patternIndex = 0
        var lastStar: Int?
        var starEnd = 0
        while textIndex < text.count {
            if patternIndex < pattern.count, pattern[patternIndex] == star {
                lastStar = patternIndex
                starEnd = textIndex
                patternIndex += 1
            } else if patternIndex < pattern.count, pattern[patternIndex] == text[textIndex] {
                patternIndex += 1
                textIndex += 1
            } else if let lastStar, text[starEnd] != lineFeed {
                // The star takes one character more.
                starEnd += 1
                textIndex = starEnd
                patternIndex = lastStar + 1
            } else {
                return false
            }
        }
        while patternIndex < pattern.count, pattern[patternIndex] == star { patternIndex += 1 }
        return patternIndex == pattern.count
    }
}
