// ratelimit.limit and ratelimit.multiLimit: counting whatever the caller likes, by namespace and identifier.
// A namespace is made by its first use; an override of the namespace replaces limit and duration.

import JSON
import Keys
import Limits

enum RateLimitProcedures {
    static let namespace = Schema.string(length: 1...512, of: .any)
    static let identifier = Schema.string(length: 1...512, of: .any)

    private static let request = Schema.body(
        .required("namespace", namespace), .required("identifier", identifier),
        .required("limit", .integer(1...Int.max)), .required("duration", .integer(1_000...2_592_000_000)),
        .optional("cost", .integer(0...Int.max)))

    static let table = [
        Procedure("ratelimit.limit", request, run: limit),
        Procedure("ratelimit.multiLimit", .array(of: request, count: 1...100), run: multiLimit),
    ]

    /// One element with everything looked up.
    private struct Element {
        let namespaceAsSent: String
        let identifier: String
        let override: OverrideRecord?
        let charge: Charge
    }

    private static func limit(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let (elements, charges, _) = try charge([.object(call.body)], call, &store)
        var object = JSONObject()
        object.append("success", .bool(charges[0].fits))
        append(charges[0], elements[0], to: &object)
        return .data(.object(object))
    }

    private static func multiLimit(_ call: Call, _ store: inout Transaction) throws(ManagementError)
        -> Outcome
    {
        let (elements, charges, passed) = try charge(call.elements, call, &store)
        let limits = elements.indices.map { index in
            var object = JSONObject()
            object.append("namespace", .string(elements[index].namespaceAsSent))
            object.append("identifier", .string(elements[index].identifier))
            object.append("passed", .bool(charges[index].fits))
            append(charges[index], elements[index], to: &object)
            return JSONValue.object(object)
        }
        return .data(["passed": .bool(passed), "limits": .array(limits)])
    }

    private static func append(_ charge: Charge, _ element: Element, to object: inout JSONObject) {
        object.append("limit", .number(Int(charge.limit)))
        object.append("remaining", .number(Int(charge.remaining)))
        object.append("reset", .number(Int(charge.resetMillis)))
        object.append("overrideId", ifPresent: element.override.map { .string($0.id) })
    }

    private static func charge(
        _ items: [JSONValue], _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> ([Element], [Charge], passed: Bool) {
        var elements: [Element] = []
        var set = ChargeSet()
        for item in items {
            let element = try element(item, call, &store)
            elements.append(element)
            set.append(element.charge)
        }
        // Everything that could refuse the call has been asked by now.
        let passed = call.services.counters.charge(&set, at: call.services.counters.clock.now())
        return (elements, set.charges, passed)
    }

    private static func element(
        _ item: JSONValue, _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Element {
        guard let reference = item["namespace"]?.text, let identifier = item["identifier"]?.text else {
            preconditionFailure("the schema requires namespace and identifier")
        }
        let namespace = try namespace(reference, call, &store)
        let override = store.override(of: namespace.reference, governing: identifier)
        let durationMillis = override?.durationMillis ?? item.int64("duration")
        let limit = override?.limit ?? item.int64("limit")
        let cost = item["cost"]?.integer.map { Int64($0) } ?? 1
        let counter = call.services.counters.counter(
            .namespace, name: namespace.id.utf8.span, identifier: identifier.utf8.span,
            durationMillis: durationMillis)
        return Element(
            namespaceAsSent: reference, identifier: identifier, override: override,
            charge: Charge(
                counter: counter, limit: limit, durationMillis: durationMillis,
                // An override of 0 blocks, even those who only look.
                cost: limit == 0 ? max(1, cost) : cost))
    }

    /// The namespace, made if there is none of this name.
    private static func namespace(
        _ reference: String, _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> NamespaceRecord {
        if let namespace = store.namespace(idOrName: reference) {
            try call.require(.ratelimit(namespace.id, "limit"))
            if namespace.deletedAtMillis != nil {
                throw ManagementError(.namespaceGone, "the namespace '\(reference)' was deleted")
            }
            return namespace
        }
        try call.require(.anyRatelimit("limit"), .anyRatelimit("create_namespace"))
        return try asking { () throws(StoreError) in try store.createNamespace(name: reference) }
    }
}
