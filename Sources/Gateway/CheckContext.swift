// What `check` expressions can ask about a request.

import Access
import Bytes
import HTTP1
import JSON
import Keys
import Rules

/// Answers the operands of one exchange's checks. Lives for one evaluation.
struct CheckContext: CheckOperands {
    let exchange: Exchange
    /// Unix time in milliseconds.
    let nowMillis: Int64

    mutating func load(_ operand: Operand, into scratch: inout ByteBuffer) -> CheckValue {
        switch operand.kind {
        case .caller(let field):
            guard let key = exchange.key else { return .missing }
            return CheckContext.load(field, operand.metaPath, of: key, into: &scratch)
        case .path:
            let captures = exchange.match.captures
            guard captures.indices.contains(operand.captureIndex) else { return .missing }
            let start = scratch.count
            exchange.path.with { path in
                CheckContext.appendDecoded(
                    path.extracting(captures[operand.captureIndex]), plusIsSpace: false, to: &scratch)
            }
            return .text(start..<scratch.count)
        case .query:
            guard let query = exchange.target?.query else { return .missing }
            let start = exchange.head.target.lowerBound
            return exchange.headBytes.with { bytes in
                CheckContext.load(
                    parameter: operand.name,
                    of: bytes.extracting(start + query.lowerBound..<start + query.upperBound),
                    into: &scratch)
            }
        case .header:
            return exchange.headBytes.with { bytes in
                CheckContext.load(header: operand.name, exchange.head, bytes, into: &scratch)
            }
        case .method:
            return exchange.headBytes.with { bytes in
                .text(copying: bytes.extracting(exchange.head.methodRange), to: &scratch)
            }
        case .clientAddress:
            guard let address = exchange.clientAddress else { return .missing }
            return .address(address)
        case .clientSubject:
            guard let subject = exchange.clientSubject else { return .missing }
            return .text(copying: subject.span, to: &scratch)
        case .now:
            return .integer(nowMillis)
        }
    }

    private static func load(
        _ field: CallerField, _ metaPath: [[UInt8]], of key: KeyView, into scratch: inout ByteBuffer
    ) -> CheckValue {
        switch field {
        case .keyID:
            return key.withID { .text(copying: $0, to: &scratch) }
        case .keyName:
            guard key.hasName else { return .missing }
            return key.withName { .text(copying: $0, to: &scratch) }
        case .keyPermissions:
            let start = scratch.count
            key.forEachPermission { CheckValue.appendName($0, to: &scratch) }
            return .names(start..<scratch.count)
        case .keyRoles:
            let start = scratch.count
            key.forEachRole { CheckValue.appendName($0, to: &scratch) }
            return .names(start..<scratch.count)
        case .keyMeta:
            return key.withMeta { load(json: $0, metaPath, into: &scratch) }
        case .identityID:
            guard let identity = key.identity else { return .missing }
            return identity.withID { .text(copying: $0, to: &scratch) }
        case .identityExternalID:
            guard let identity = key.identity else { return .missing }
            return identity.withExternalID { .text(copying: $0, to: &scratch) }
        case .identityMeta:
            guard let identity = key.identity else { return .missing }
            return identity.withMeta { load(json: $0, metaPath, into: &scratch) }
        }
    }

    private static func load(json: Span<UInt8>, _ path: [[UInt8]], into scratch: inout ByteBuffer)
        -> CheckValue
    {
        guard let slice = JSONScanner.find(path: path, in: json) else { return .missing }
        let start = scratch.count
        switch slice.kind {
        case .null:
            return .missing
        case .true:
            return .bool(true)
        case .false:
            return .bool(false)
        case .number:
            return .number(json.extracting(slice.range))
        case .string:
            JSONScanner.appendText(of: slice, in: json, to: &scratch)
            return .text(start..<scratch.count)
        case .array, .object:
            scratch.append(json.extracting(slice.range))
            return .json(start..<scratch.count)
        }
    }

    /// The parameter of this name. Names are compared after decoding.
    private static func load(parameter name: [UInt8], of query: Span<UInt8>, into scratch: inout ByteBuffer)
        -> CheckValue
    {
        let start = scratch.count
        var found: Range<Int>?
        var isRepeated = false
        QueryParameters.forEach(in: query) { parameter in
            scratch.truncate(to: start)
            appendDecoded(query.extracting(parameter.name), plusIsSpace: true, to: &scratch)
            guard ASCII.equals(scratch.bytes.extracting(start..<scratch.count), name.span) else {
                return true
            }
            isRepeated = found != nil
            found = parameter.value
            return !isRepeated
        }
        scratch.truncate(to: start)
        guard let found else { return .missing }
        if isRepeated { return .ambiguous }
        appendDecoded(query.extracting(found), plusIsSpace: true, to: &scratch)
        return .text(start..<scratch.count)
    }

    private static func load(
        header name: [UInt8], _ head: borrowing RequestHead, _ bytes: Span<UInt8>,
        into scratch: inout ByteBuffer
    ) -> CheckValue {
        guard let index = head.headers.index(named: name.span, in: bytes) else { return .missing }
        if head.headers.index(named: name.span, in: bytes, from: index + 1) != nil { return .ambiguous }
        return .text(copying: bytes.extracting(head.headers[index].value), to: &scratch)
    }

    /// Percent-decoding; an escape that is none stays as it is.
    static func appendDecoded(_ text: Span<UInt8>, plusIsSpace: Bool, to scratch: inout ByteBuffer) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "%"), index + 2 < text.count,
                let high = Hex.value(text[index + 1]), let low = Hex.value(text[index + 2])
            {
                scratch.append(high << 4 | low)
                index += 3
            } else {
                scratch.append(byte == UInt8(ascii: "+") && plusIsSpace ? 0x20 : byte)
                index += 1
            }
        }
    }
}
