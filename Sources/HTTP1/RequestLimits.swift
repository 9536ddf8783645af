// How much of a request head is taken in before it is refused. Every bound here is on memory or work that a
// client could otherwise make us spend before it has shown a key.

/// Bounds on the head of a request. Reaching one is refused, never truncated.
public struct RequestLimits: Sendable {
    /// All bytes of the head, from the first of the request line to the end of the empty line.
    public var maxHeadBytes: Int
    public var maxHeaderCount: Int
    public var maxTargetBytes: Int

    /// No registered method is longer than 17 bytes.
    static let maxMethodBytes = 32

    public init(maxHeadBytes: Int = 32 << 10, maxHeaderCount: Int = 100, maxTargetBytes: Int = 8 << 10) {
        self.maxHeadBytes = maxHeadBytes
        self.maxHeaderCount = maxHeaderCount
        self.maxTargetBytes = maxTargetBytes
    }
}
