// When two names of roles are one and the same: letter case and accents do not tell them apart, because they
// did not where such names come from, and "Équipe" beside "equipe" is a mistake waiting to be made.
//
// The standard library knows letter cases but offers no decomposition, so accents are a table of the Latin
// script; other scripts are compared by letter case alone. Slugs are ASCII and need none of this.

import Bytes

enum NameFolding {
    /// The name as it is compared.
    static func folded(_ text: Span<UInt8>) -> [UInt8] {
        var folded: [UInt8] = []
        folded.reserveCapacity(text.count)
        for scalar in String(decoding: Array(copying: text), as: UTF8.self).unicodeScalars {
            if scalar.isASCII {
                folded.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
            } else if !combiningMarks.contains(scalar) {
                for lower in scalar.properties.lowercaseMapping.unicodeScalars
                where !combiningMarks.contains(lower) {
                    folded.append(contentsOf: String(bases[lower] ?? lower).utf8)
                }
            }
        }
        return folded
    }

    static func areEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool { folded(left) == folded(right) }

    static func hash(_ text: Span<UInt8>) -> UInt32 {
        let folded = folded(text)
        return TextHash.of(folded.span)
    }

    /// Combining Diacritical Marks: a letter and one of these are another spelling of a letter of the table.
    private static let combiningMarks: ClosedRange<Unicode.Scalar> = "\u{300}"..."\u{36F}"

    /// Latin letters without their accents.
    private static let bases: [Unicode.Scalar: Unicode.Scalar] = {
        let families: [(base: Unicode.Scalar, accented: String)] = [
            ("a", "àáâãäåāăąǎ"), ("c", "çćĉċč"), ("d", "ď"), ("e", "èéêëēĕėęě"), ("g", "ĝğġģ"), ("h", "ĥ"),
            ("i", "ìíîïĩīĭįǐ"), ("j", "ĵ"), ("k", "ķ"), ("l", "ĺļľ"), ("n", "ñńņňǹ"), ("o", "òóôõöōŏőǒ"),
            ("r", "ŕŗř"), ("s", "śŝşšș"), ("t", "ţťț"), ("u", "ùúûüũūŭůűųǔ"), ("w", "ŵ"), ("y", "ýÿŷ"),
            ("z", "źżž"),
        ]
        var bases: [Unicode.Scalar: Unicode.Scalar] = [:]
        for family in families {
            for letter in family.accented.unicodeScalars { bases[letter] = family.base }
        }
        return bases
    }()
}
