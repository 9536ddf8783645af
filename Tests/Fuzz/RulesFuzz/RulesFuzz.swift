// libFuzzer's way into the configuration language: any bytes as a configuration must be refused with
// diagnostics or compile into something that can be used, without a trap.

import Access
import Bytes
import Rules

/// A request that knows nothing: each operand has the kind that its name leads to, by turns.
private struct Anyone: CheckOperands {
    var turn = 0

    mutating func load(_ operand: Operand, into scratch: inout ByteBuffer) -> CheckValue {
        turn += 1
        switch turn % 5 {
        case 0: return .missing
        case 1: return .text(copying: operand.text.utf8.span, to: &scratch)
        case 2: return .integer(Int64(turn))
        case 3: return .address(IPAddress(v4: UInt32(turn)))
        default:
            let start = scratch.count
            scratch.append("[\"")
            scratch.append(operand.text)
            scratch.append("\",1,[]]")
            return .json(start..<scratch.count)
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let text = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let reader = SourceReader(
        read: { path throws(SourceError) in
            guard path == "fuzz.conf" else { throw SourceError(reason: "no such file or directory") }
            return text
        },
        glob: { _ in ["fuzz.conf"] },
        environment: { $0 == "SET" ? "value" : nil })
    do {
        let configuration = try Configuration.compile(path: "fuzz.conf", reader: reader).recompiled()
        use(configuration)
    } catch {
        precondition(!error.diagnostics.isEmpty, "refused without a reason")
        _ = error.description
    }
    return 0
}

private func use(_ configuration: Configuration) {
    var scratch = ByteBuffer()
    var found = RouteMatch()
    let method = Array("GET".utf8)
    let host = Array("h:80".utf8)
    for (index, route) in configuration.routes.enumerated() {
        // With each `{name}` taken as the text it is, a pattern matches itself: no route may be lost.
        let asked = route.host ?? host
        let pattern = route.pattern
        let matching = configuration.table.matching(path: pattern.span, host: asked.span)
        precondition(matching.contains(index), "a route is not found at its own pattern")
        _ = configuration.table.match(
            method: method.span, path: pattern.span, host: host.span, into: &found)
        for check in route.checks {
            var anyone = Anyone()
            _ = check.program.evaluate(&anyone, scratch: &scratch)
            _ = check.program.operandValues(&anyone, scratch: &scratch)
        }
    }
}
