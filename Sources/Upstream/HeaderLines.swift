// The header list of one request to a backend, in the form libcurl reads: a linked list of NUL-terminated
// lines. libcurl only reads the list, so lines and nodes live in memory that is reused from request to
// request; in steady state nothing is allocated.
//
// This is the last place where header text is looked at before it is on the wire: libcurl passes CR and LF
// through, so they are refused here whatever was checked before.

import Bytes
import CCurl

/// Header lines under construction, then sealed for libcurl.
///
/// Memory safety: `nodes` has `nodeCapacity` elements and is freed in `deinit`; node data points into
/// `text`, which is not changed between `seal` and `removeAll`.
@safe public struct HeaderLines: ~Copyable {
    private var text = ByteBuffer(capacity: 1024)
    private var lineStarts: [Int] = []
    private var nodes: UnsafeMutablePointer<curl_slist>
    private var nodeCapacity: Int
    private var valueStart = 0
    private var isOpen = false

    public init() {
        nodeCapacity = 32
        unsafe nodes = .allocate(capacity: nodeCapacity)
        lineStarts.reserveCapacity(32)
    }

    deinit { unsafe nodes.deallocate() }

    public mutating func removeAll() {
        text.removeAll()
        lineStarts.removeAll(keepingCapacity: true)
        isOpen = false
    }

    /// Number of finished lines.
    public var count: Int { lineStarts.count }

    /// Starts a line. `name` must be a token.
    public mutating func begin(name: Span<UInt8>) {
        openLine()
        text.append(name)
        endName()
    }

    public mutating func begin(name: StaticString) {
        openLine()
        text.append(name)
        endName()
    }

    private mutating func openLine() {
        precondition(!isOpen, "a header line is begun inside another")
        isOpen = true
        lineStarts.append(text.count)
    }

    private mutating func endName() {
        text.append(": ")
        valueStart = text.count
    }

    /// The end of the text of the open line: whatever is appended here belongs to its value.
    public mutating func value(_ bytes: Span<UInt8>) { text.append(bytes) }
    public mutating func value(_ bytes: StaticString) { text.append(bytes) }
    public mutating func value(decimal: Int) { text.append(decimal: decimal) }
    public mutating func value(_ byte: UInt8) { text.append(byte) }

    /// Bytes in the value of the open line so far.
    public var openValueCount: Int { text.count - valueStart }

    /// Takes the open line back.
    public mutating func abandon() {
        precondition(isOpen, "no header line is open")
        text.truncate(to: lineStarts.removeLast())
        isOpen = false
    }

    /// Finishes the open line. False, and the line is taken back, if its value has a byte that would end
    /// the line or the string: CR, LF or NUL.
    public mutating func end() -> Bool {
        precondition(isOpen, "no header line is open")
        if containsLineBreak(from: valueStart) {
            abandon()
            return false
        }
        // libcurl drops a header that is `Name:` with nothing behind it; `Name;` makes it send `Name:`.
        if text.count == valueStart {
            text.truncate(to: valueStart - 2)
            text.append(UInt8(ascii: ";"))
        }
        text.append(0)
        isOpen = false
        return true
    }

    private func containsLineBreak(from start: Int) -> Bool {
        let bytes = text.bytes
        for index in start..<bytes.count {
            let byte = bytes[index]
            if byte < 0x20, byte == 0x0A || byte == 0x0D || byte == 0 { return true }
        }
        return false
    }

    /// A whole line.
    public mutating func append(name: Span<UInt8>, value: Span<UInt8>) -> Bool {
        begin(name: name)
        text.append(value)
        return end()
    }

    /// Becomes a copy of other lines, the first of them with another value if there is one. Used for a request
    /// that goes to a second server: the first line is its Host.
    public mutating func copy(
        _ other: borrowing HeaderLines, firstName: StaticString, firstValue: [UInt8]?
    ) {
        removeAll()
        var next = 0
        if let firstValue {
            begin(name: firstName)
            value(firstValue.span)
            _ = end()
            next = 1
        }
        guard next < other.lineStarts.count else { return }
        let moved = text.count - other.lineStarts[next]
        for start in other.lineStarts[next...] { lineStarts.append(start + moved) }
        let bytes = other.text.bytes
        text.append(bytes.extracting(other.lineStarts[next]..<bytes.count))
    }

    /// Keeps libcurl from adding a header of its own: `Accept:` with nothing behind the colon.
    public mutating func suppress(_ name: StaticString) {
        precondition(!isOpen, "a header line is begun inside another")
        lineStarts.append(text.count)
        text.append(name)
        text.append(UInt8(ascii: ":"))
        text.append(0)
    }

    /// The list for libcurl; nil when empty. Valid until the next change.
    @unsafe mutating func seal() -> UnsafeMutablePointer<curl_slist>? {
        precondition(!isOpen, "a header line is still open")
        let count = lineStarts.count
        if count == 0 { return nil }
        if count > nodeCapacity {
            unsafe nodes.deallocate()
            nodeCapacity = count * 2
            unsafe nodes = .allocate(capacity: nodeCapacity)
        }
        unsafe text.withUnsafeReadable { raw in
            let start = unsafe UnsafeMutableRawPointer(mutating: raw.baseAddress.unsafelyUnwrapped)
            for index in 0..<count {
                unsafe nodes[index].data = (start + lineStarts[index]).assumingMemoryBound(to: CChar.self)
                unsafe nodes[index].next = index + 1 < count ? nodes + index + 1 : nil
            }
        }
        return unsafe nodes
    }

    /// Calls `body` with name and value of each header, in order; not with those that are only kept from being added.
    public func forEachHeader(_ body: (Span<UInt8>, Span<UInt8>) -> Void) {
        forEachLine { line in
            var colon = 0
            while colon < line.count, line[colon] != UInt8(ascii: ":") { colon += 1 }
            if colon == line.count {
                // `Name;` stands for a header without a value.
                body(line.extracting(0..<line.count - 1), line.extracting(line.count..<line.count))
            } else if colon + 1 < line.count {
                body(line.extracting(0..<colon), line.extracting(colon + 2..<line.count))
            }
        }
    }

    /// Calls `body` with each finished line, `Name: value`. For `keygate explain`.
    public func forEachLine(_ body: (Span<UInt8>) -> Void) {
        let bytes = text.bytes
        for (index, start) in lineStarts.enumerated() {
            let end = index + 1 < lineStarts.count ? lineStarts[index + 1] : bytes.count
            body(bytes.extracting(start..<end - 1))
        }
    }
}
