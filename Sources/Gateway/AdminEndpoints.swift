// What the admin listener answers: health for load balancers, metrics for Prometheus, and the management API
// for programs with a root key.

import Bytes
import HTTP1
import Synchronization

enum AdminEndpoints {
    /// Nil if the answer comes later, from the store's thread.
    static func answer(_ request: LocalRequest, _ worker: Worker) -> LocalAnswer? {
        switch request.path {
        case "/healthz":
            return reading(request) { LocalAnswer(.ok, text: "ok\n") }
        case "/readyz":
            return reading(request) { readiness(worker.shared) }
        case "/metrics":
            return reading(request) { LocalAnswer(.ok, .metrics, Metrics.render(worker.shared)) }
        default:
            guard request.path.hasPrefix("/v2/") else { return LocalAnswer(.notFound, text: "not found\n") }
            return ManagementEndpoint.answer(request, worker)
        }
    }

    private static func reading(_ request: LocalRequest, _ answer: () -> LocalAnswer) -> LocalAnswer {
        if request.method == .get || request.method == .head { return answer() }
        return LocalAnswer(.methodNotAllowed, text: "method not allowed\n", allowed: "GET, HEAD")
    }

    private static func readiness(_ shared: ServerState) -> LocalAnswer {
        switch shared.phase.load(ordering: .relaxed) {
        case .starting: LocalAnswer(.serviceUnavailable, text: "starting\n")
        case .draining: LocalAnswer(.serviceUnavailable, text: "draining\n")
        case .serving:
            shared.storeIsReadOnly.load(ordering: .relaxed)
                ? LocalAnswer(.ok, text: "ready, the store is read-only: changes are refused with 503\n")
                : LocalAnswer(.ok, text: "ready\n")
        }
    }
}
