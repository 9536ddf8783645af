// The servers behind one event loop: the rules with the pools they are chosen from, and who is next when a server
// has room again.

import Reactor
import Rules
import Upstream

extension Worker {
    func makeRules(_ configuration: Configuration, generation: Int) -> RuleSet {
        let pools = configuration.upstreams.map { group in
            UpstreamPool(
                group,
                servers: group.servers.map { server in
                    UpstreamPool.Server(
                        shared.upstreams.record(group.name, server.description), loop: number,
                        curlKey: multi.register(UpstreamOrigin(server, of: group)),
                        authority: Array(server.authority.utf8), limit: server.maxConnections)
                }, line: line(of: group.name))
        }
        return RuleSet(configuration, generation: generation, pools: pools)
    }

    private func line(of upstream: String) -> LoopLine {
        if let known = lines.first(where: { $0.line.group == upstream }) { return known }
        let line = LoopLine(shared.upstreams.line(upstream), loop: number)
        lines.append(line)
        return line
    }

    /// A place at a server of this line has become free: whoever has waited longest, in whatever loop, may look
    /// for it. In this loop that happens later in the turn, from where nothing is under way.
    func placeFreed(_ line: LoopLine) {
        guard let longest = line.line.longestWaitingLoop else { return }
        if longest == number {
            serve(line)
        } else {
            line.line.tell(loop: longest)
        }
    }

    /// Looks for a server for those who wait, before the next round of transfers.
    func serve(_ line: LoopLine) {
        if line.isDue { return }
        line.isDue = true
        dueLineCount += 1
    }

    func serveLines() {
        for line in lines where line.isDue {
            line.isDue = false
            dueLineCount -= 1
            while let ticket = line.first {
                // Whoever waits is where it was when it began to: the line is left when anything else happens.
                guard let waiting = connection(for: ticket) else {
                    preconditionFailure("a connection that is gone waits for a server")
                }
                if !waiting.leaveLine(line) { break }
            }
            // What was free for this loop and is not used here may be what another waits for.
            if line.isEmpty, line.line.places.current > 0 { placeFreed(line) }
        }
        planRetries()
    }

    /// The time of a server that was left alone is over: whoever waits may try it.
    func retryServers() {
        for line in lines where line.retryNanos <= loop.nowNanos {
            line.retryNanos = .max
            serve(line)
        }
        planRetries()
    }

    private func planRetries() {
        nextRetryNanos = .max
        for line in lines where !line.isEmpty { nextRetryNanos = min(nextRetryNanos, line.retryNanos) }
    }

    /// Servers and limits as they are now; nil if the upstream is gone, and lives on only for those who wait.
    func pool(of line: LoopLine) -> UpstreamPool? { rules.pools.first { $0.line === line } }
}
