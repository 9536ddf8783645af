// Which of its two types an error of the management API has: what the client said that it understands.

import Bytes

/// As what a client is told of errors.
enum ErrorType: Sendable {
    case json, problem

    /// Reads an `Accept` header. Parameters and weights are not looked at: whoever lists the type can read it.
    init(accept: Span<UInt8>?) {
        self = .json
        guard let accept else { return }
        var start = 0
        while start < accept.count {
            var end = start
            while end < accept.count, accept[end] != UInt8(ascii: ",") { end += 1 }
            var typeEnd = start
            while typeEnd < end, accept[typeEnd] != UInt8(ascii: ";") { typeEnd += 1 }
            let element = accept.extracting(start..<typeEnd)
            let type = element.extracting(ASCII.trimmed(element))
            if ASCII.equalsIgnoringCase(type, "application/problem+json")
                || ASCII.equalsIgnoringCase(type, "application/*") || ASCII.equals(type, "*/*")
            {
                self = .problem
                return
            }
            start = end + 1
        }
    }
}
