// The paths that a backend may take a target for. The gateway's rule was applied to one of them; a request is
// safe only if the rule would have been the same for all.

enum PathReadings {
    /// Every reading of the path of `target`, without repetitions.
    static func all(of target: [UInt8]) -> Set<[UInt8]> {
        var readings: Set<[UInt8]> = []
        let path = withoutAuthority(target)
        var decoded = upTo(path, 0x3F, 0x23)
        for _ in 0..<3 {
            for variant in variants(of: decoded) {
                readings.insert(variant)
                readings.insert(resolved(variant, merging: false))
                readings.insert(resolved(variant, merging: true))
            }
            let next = self.decoded(decoded)
            if next == decoded { break }
            decoded = next
        }
        return readings
    }

    /// The path of an absolute form (RFC 9112 §3.2.2); any other form as it is.
    static func withoutAuthority(_ target: [UInt8]) -> [UInt8] {
        guard let authority = authority(of: target) else { return target }
        let rest = Array(target[authority.end...])
        return rest.first == 0x2F ? rest : [0x2F] + rest
    }

    /// The authority of an absolute form, and where it ends.
    static func authority(of target: [UInt8]) -> (text: [UInt8], end: Int)? {
        guard let colon = target.firstIndex(of: 0x3A), colon > 0,
            target[colon...].starts(with: "://".utf8),
            target[..<colon].allSatisfy({ $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A })
        else { return nil }
        let start = colon + 3
        let end = target[start...].firstIndex { $0 == 0x2F || $0 == 0x3F || $0 == 0x23 } ?? target.count
        return (Array(target[start..<end]), end)
    }

    private static func variants(of path: [UInt8]) -> [[UInt8]] {
        var found = [path]
        func also(_ change: ([UInt8]) -> [UInt8]) {
            for path in found {
                let changed = change(path)
                if !found.contains(changed) { found.append(changed) }
            }
        }
        also { wide($0) }
        also { $0.map { $0 == 0x5C ? 0x2F : $0 } }
        also { $0.filter { $0 >= 0x20 } }
        also { upTo($0, 0, 0) }
        also { upTo($0, 0x3F, 0x23) }
        also { withoutParameters($0) }
        also { withoutTrailingSpaces($0) }
        return found
    }

    /// Ill-formed UTF-8 and full-width characters made into what sloppy decoders make of them.
    private static func wide(_ path: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < path.count {
            if index + 1 < path.count, path[index] == 0xC0 || path[index] == 0xC1,
                path[index + 1] & 0xC0 == 0x80
            {
                result.append((path[index] & 1) << 6 | path[index + 1] & 0x3F)
                index += 2
            } else if path[index...].starts(with: [0xEF, 0xBC, 0x8F]) {
                result.append(0x2F)
                index += 3
            } else if path[index...].starts(with: [0xEF, 0xBC, 0x8E]) {
                result.append(0x2E)
                index += 3
            } else {
                result.append(path[index])
                index += 1
            }
        }
        return result
    }

    private static func decoded(_ path: [UInt8]) -> [UInt8] {
        func hex(_ index: Int) -> UInt8? {
            guard index < path.count else { return nil }
            return UInt8(String(UnicodeScalar(path[index])), radix: 16)
        }
        var result: [UInt8] = []
        var index = 0
        while index < path.count {
            if path[index] == 0x25, let high = hex(index + 1), let low = hex(index + 2) {
                result.append(high << 4 | low)
                index += 3
            } else if path[index] == 0x25, index + 1 < path.count, path[index + 1] | 0x20 == 0x75,
                hex(index + 2) == 0, hex(index + 3) == 0, let high = hex(index + 4), let low = hex(index + 5)
            {
                result.append(high << 4 | low)
                index += 6
            } else {
                result.append(path[index])
                index += 1
            }
        }
        return result
    }

    /// RFC 3986 §5.2.4, optionally with empty segments dropped first.
    private static func resolved(_ path: [UInt8], merging: Bool) -> [UInt8] {
        guard path.first == 0x2F else { return path }
        let dot: UInt8 = 0x2E
        var segments: [ArraySlice<UInt8>] = []
        let all = path.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false)
        for (number, segment) in all.enumerated() {
            let isLast = number == all.count - 1
            if merging, segment.isEmpty, !isLast { continue }
            if segment.elementsEqual([dot]) || segment.elementsEqual([dot, dot]) {
                if segment.count == 2 { _ = segments.popLast() }
                if isLast { segments.append([]) }
            } else {
                segments.append(segment)
            }
        }
        return [0x2F] + Array(segments.joined(separator: [0x2F] as [UInt8]))
    }

    private static func withoutParameters(_ path: [UInt8]) -> [UInt8] {
        bySegment(path) { $0.prefix { $0 != 0x3B } }
    }

    private static func withoutTrailingSpaces(_ path: [UInt8]) -> [UInt8] {
        bySegment(path) { segment in
            let length = segment.lastIndex { $0 != 0x20 }.map { $0 - segment.startIndex + 1 } ?? 0
            return segment.prefix(length)
        }
    }

    private static func bySegment(
        _ path: [UInt8], _ change: (ArraySlice<UInt8>) -> ArraySlice<UInt8>
    ) -> [UInt8] {
        let slash: [UInt8] = [0x2F]
        return Array(
            path.split(separator: 0x2F, omittingEmptySubsequences: false).map(change).joined(separator: slash)
        )
    }

    private static func upTo(_ path: [UInt8], _ first: UInt8, _ second: UInt8) -> [UInt8] {
        Array(path.prefix { $0 != first && $0 != second })
    }
}
