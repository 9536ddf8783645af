// Directives of a route that are right one by one and cannot be true together.

import Bytes

extension RouteBody {
    func checkContradictions() {
        let injected = context.injected.map { HeaderNames.folded($0.name) }
        for (header, place) in setHeaders {
            let folded = HeaderNames.folded(header.name)
            let shown = String(decoding: header.name, as: UTF8.self)
            if injected.contains(folded) {
                findings.error(
                    "\"\(shown)\" tells the backend about the caller and cannot be set by a route", at: place)
            }
            if let other = removedHeaders.first(where: { HeaderNames.folded($0.name) == folded }) {
                findings.error(
                    "\"\(shown)\" is both set and removed", at: place, note: "removed here", at: other.place)
            }
            if forwardsCredential, HeaderNames.isAuthorization(header.name),
                context.credentials.contains(.bearer)
            {
                findings.error(
                    "Authorization cannot be set here: forward-credential leaves the client's in place",
                    at: place)
            }
        }
        for (name, place) in removedHeaders where injected.contains(HeaderNames.folded(name)) {
            let shown = String(decoding: name, as: UTF8.self)
            findings.error(
                "\"\(shown)\" tells the backend about the caller and cannot be removed by a route", at: place)
        }
        if let webSocketPlace { checkWebSocket(webSocketPlace) }
        if case .open? = access { checkPublicContradictions() }
    }

    /// A handshake is a GET, and reaches the backend as the client sent it.
    private func checkWebSocket(_ place: Place) {
        if !methods.admits(Array("GET".utf8)) {
            findings.error(
                "a WebSocket begins with a GET: expected GET among the methods of this route, found \(self.methods.text)",
                at: place)
        }
        for name in ["Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
            let folded = HeaderNames.folded(Array(name.utf8))
            let changed =
                setHeaders.first { HeaderNames.folded($0.header.name) == folded }?.place
                ?? removedHeaders.first { HeaderNames.folded($0.name) == folded }?.place
            if let changed {
                findings.error(
                    "\"\(name)\" makes a WebSocket and cannot be changed by its route", at: changed)
            } else if context.injected.contains(where: { HeaderNames.folded($0.name) == folded }) {
                findings.error(
                    "\"\(name)\" makes a WebSocket and cannot tell the backend about the caller", at: place)
            }
        }
    }

    /// What needs to know who is calling, where nobody asks.
    private func checkPublicContradictions() {
        if let check = checks.first(where: { $0.program.operands.contains(where: \.isAboutCaller) }) {
            findings.error(
                "a public route asks for no key: \"\(check.text)\" would never find one", at: head)
        }
        if let place = namedLimits.firstPlace {
            findings.error("a public route asks for no key, so ratelimit has no meaning in it", at: place)
        }
        for entry in limits where entry.0.isByCaller {
            let place = entry.1
            findings.error("a public route asks for no key, so nothing can be limited by it", at: place)
        }
        if !apis.isEmpty {
            findings.error("a public route asks for no key, so api has no meaning in it", at: head)
        }
    }
}

extension Operand {
    fileprivate var isAboutCaller: Bool {
        switch kind {
        case .caller: true
        case .path, .query, .header, .method, .clientAddress, .clientSubject, .now: false
        }
    }
}

extension RouteLimit {
    /// Whether what is counted depends on the key.
    fileprivate var isByCaller: Bool { subjects.contains(.key) || subjects.contains(.identity) }
}
