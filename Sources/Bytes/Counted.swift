// Numbers beside what they count, as people write them.

extension BinaryInteger {
    /// `1 route`, `2 routes`; `plural` where it is more than the noun with an s.
    public func counted(_ noun: String, plural: String? = nil) -> String {
        "\(self) " + (self == 1 ? noun : plural ?? noun + "s")
    }
}
