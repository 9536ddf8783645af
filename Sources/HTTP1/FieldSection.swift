// Fields kept in memory of their own. A request head can stay where it was received; trailers and the
// upstream's head arrive a line at a time in memory that is gone afterwards, so they are copied, in the one
// form in which they will be written again: `name: value CRLF`.

public import Bytes

/// Validated fields with the bytes they are made of.
public struct FieldSection: ~Copyable {
    /// The lines, each ended by CRLF: fit to be written as they are.
    public private(set) var buffer = ByteBuffer()
    /// Offsets into the readable bytes of `buffer`.
    public private(set) var fields = HeaderBlock()

    public init() {}

    /// Empties the section and keeps its memory.
    public mutating func removeAll() {
        buffer.removeAll()
        fields.removeAll()
    }

    /// Copies one field out of the line it was parsed from, and returns it as it lies here.
    @discardableResult
    mutating func append(_ field: HeaderField, of line: Span<UInt8>) -> HeaderField {
        let nameStart = buffer.count
        buffer.append(line.extracting(field.name))
        let nameEnd = buffer.count
        buffer.append(": ")
        let valueStart = buffer.count
        buffer.append(line.extracting(field.value))
        let copy = HeaderField(kind: field.kind, name: nameStart..<nameEnd, value: valueStart..<buffer.count)
        buffer.append("\r\n")
        fields.append(copy)
        return copy
    }

    /// Parses one line of a trailer section, without its line end, and keeps the field unless one of its
    /// name may not be there.
    mutating func append(trailer line: borrowing ByteBuffer) -> FieldFault? {
        let line = line.bytes
        switch FieldSyntax.parse(line) {
        case .fault(let fault): return fault
        case .field(let field):
            append(trailer: field, of: line)
            return nil
        }
    }

    /// Keeps a field of a trailer section unless one of its name may not be there.
    mutating func append(trailer field: HeaderField, of line: Span<UInt8>) {
        if !TrailerRules.forbids(field.kind, line.extracting(field.name)) { append(field, of: line) }
    }

    /// Adds the members of a Connection field of this section to `options`; false if they are malformed.
    borrowing func addOptions(of field: HeaderField, to options: inout ConnectionOptions) -> Bool {
        options.append(field.value, of: buffer.bytes)
    }

    /// Appends bytes that are no field, in front of the fields, and returns where they lie.
    mutating func append(preamble text: Span<UInt8>) -> Range<Int> {
        let start = buffer.count
        buffer.append(text)
        return start..<buffer.count
    }
}
