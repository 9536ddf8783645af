// The header list of one request to a backend, in the form libcurl reads: a linked list of NUL-terminated
// lines. libcurl only reads the list, so lines and nodes live in memory that is reused from request to
// request; in steady state nothing is allocated.
//
// A node may hold several lines, CRLF between them: libcurl prints it as it is. A dozen times in a request it
// looks through the whole list for a header of some name, so for a request the list is kept short: what it
// must find (a header that is suppressed, `Expect`, an empty value) stands alone, and the lines between are
// one node. It does not see an Accept in there, and is always told to add none.
//
// This is the last place where header text is looked at before it is on the wire: libcurl passes CR and LF
// through, so they are refused here whatever was checked before.

import Bytes
import CCurl

#if canImport(Glibc)
    import Glibc
#endif

/// Header lines under construction, then sealed for libcurl.
///
/// Memory safety: `nodes` has `nodeCapacity` elements and is freed in `deinit`; node data points into
/// `text`, which is not changed between `seal` and `removeAll`.
@safe public struct HeaderLines: ~Copyable {
    /// One line behind another, each with two bytes at its end that `seal` sets.
    private var text = ByteBuffer(capacity: 1024)
    private var lines: [Line] = []
    private var nodes: UnsafeMutablePointer<curl_slist>
    private var nodeCapacity: Int
    private var valueStart = 0
    private var isOpen = false

    private struct Line {
        var start: Int
        /// Whether it has a node of its own even where lines are joined.
        var standsAlone = false
    }

    public init() {
        nodeCapacity = 32
        unsafe nodes = .allocate(capacity: nodeCapacity)
        lines.reserveCapacity(32)
    }

    deinit { unsafe nodes.deallocate() }

    public mutating func removeAll() {
        text.removeAll()
        lines.removeAll(keepingCapacity: true)
        isOpen = false
    }

    /// Number of finished lines.
    public var count: Int { lines.count }

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
        lines.append(Line(start: text.count))
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
        text.truncate(to: lines.removeLast().start)
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
            lines[lines.count - 1].standsAlone = true
        } else if isExpect {
            lines[lines.count - 1].standsAlone = true
        }
        text.append(Self.roomForEnd)
        isOpen = false
        return true
    }

    /// Whether the open line is one that libcurl acts on when it finds it.
    private var isExpect: Bool {
        let start = lines[lines.count - 1].start
        return valueStart - start == 8 && ASCII.equalsIgnoringCase(text[start..<valueStart - 2], "expect")
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
        guard next < other.lines.count else { return }
        let moved = text.count - other.lines[next].start
        for line in other.lines[next...] {
            lines.append(Line(start: line.start + moved, standsAlone: line.standsAlone))
        }
        let bytes = other.text.bytes
        text.append(bytes.extracting(other.lines[next].start..<bytes.count))
    }

    /// Keeps libcurl from adding a header of its own: `Accept:` with nothing behind the colon.
    public mutating func suppress(_ name: StaticString) {
        precondition(!isOpen, "a header line is begun inside another")
        lines.append(Line(start: text.count, standsAlone: true))
        text.append(name)
        text.append(UInt8(ascii: ":"))
        text.append(Self.roomForEnd)
    }

    private static var roomForEnd: StaticString { "\r\n" }

    /// The list for libcurl, a node for each line; nil when empty. Valid until the next change.
    @unsafe mutating func seal() -> UnsafeMutablePointer<curl_slist>? {
        unsafe link(joined: false)
    }

    /// The list for libcurl's request, lines joined and no Accept added; nil when empty. Valid until the next
    /// change.
    ///
    /// libcurl prints a Host of ours twice, first into memory of its own, unless it finds one that is to be left
    /// out. So such a one is in front, and ours begins the node behind it. Not where libcurl writes
    /// Transfer-Encoding, which it does behind the Host it found and in front of everything else.
    @unsafe mutating func sealForRequest(isChunked: Bool) -> UnsafeMutablePointer<curl_slist>? {
        unsafe link(joined: true, hostIsLibcurls: isChunked)
    }

    @unsafe private mutating func link(
        joined: Bool, hostIsLibcurls: Bool = true
    ) -> UnsafeMutablePointer<curl_slist>? {
        precondition(!isOpen, "a header line is still open")
        if lines.isEmpty { return nil }
        if lines.count + 2 > nodeCapacity {
            unsafe nodes.deallocate()
            nodeCapacity = lines.count * 2
            unsafe nodes = .allocate(capacity: nodeCapacity)
        }
        var count = 0
        unsafe text.withUnsafeReadable { raw in
            let start = unsafe UnsafeMutableRawPointer(mutating: raw.baseAddress.unsafelyUnwrapped)
            let end = unsafe start + raw.count
            let hasHost = unsafe joined && beginsWithHost(start)
            // Not written to: libcurl only reads the list.
            if joined {
                unsafe nodes[count].data = UnsafeMutablePointer(mutating: Self.noAccept)
                count += 1
            }
            if hasHost, !hostIsLibcurls {
                unsafe nodes[count].data = UnsafeMutablePointer(mutating: Self.noHost)
                count += 1
            }
            for (index, line) in lines.enumerated() {
                var isJoined = joined && index > 0 && !line.standsAlone && !lines[index - 1].standsAlone
                if index == 1, hasHost, hostIsLibcurls { isJoined = false }
                let text = unsafe start + line.start
                if index > 0 { unsafe (text - 2).storeBytes(of: isJoined ? 0x0D : 0, as: UInt8.self) }
                if isJoined { continue }
                unsafe nodes[count].data = text.assumingMemoryBound(to: CChar.self)
                count += 1
            }
            unsafe (end - 2).storeBytes(of: 0, as: UInt8.self)
        }
        for index in 0..<count { unsafe nodes[index].next = index + 1 < count ? nodes + index + 1 : nil }
        return unsafe nodes
    }

    /// Whether the first line is a Host that is not empty, which would stand alone.
    @unsafe private func beginsWithHost(_ start: UnsafeMutableRawPointer) -> Bool {
        if lines[0].standsAlone { return false }
        return unsafe strncasecmp(start.assumingMemoryBound(to: CChar.self), Self.noHost, 5) == 0
    }

    private static var noHost: UnsafePointer<CChar> { unsafe constant("Host:") }
    private static var noAccept: UnsafePointer<CChar> { unsafe constant("Accept:") }

    /// A literal is NUL-terminated and lives for ever.
    private static func constant(_ text: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
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
        for (index, line) in lines.enumerated() {
            let end = index + 1 < lines.count ? lines[index + 1].start : bytes.count
            body(bytes.extracting(line.start..<end - 2))
        }
    }
}
