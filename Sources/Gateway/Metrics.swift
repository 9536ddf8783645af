// /metrics in the Prometheus text format. Counters are summed over the loops; nothing in here names a key,
// an identity or a path.

import Analytics
import Bytes
import HTTP1
import Keys
import Reactor
import Synchronization

enum Metrics {
    static func render(_ shared: ServerState) -> [UInt8] {
        var page = MetricsPage()
        let counters = shared.counters
        page.gauge("keygate_info", "Version and start of this process.", "version=\"\(shared.version)\"", 1)
        page.gauge(
            "keygate_start_time_seconds", "When the process started, in seconds since 1970.", "",
            UInt64(shared.startUnixMillis / 1000))
        page.gauge(
            "keygate_resident_memory_bytes", "Resident memory.", "", UInt64(ProcessLimits.residentBytes()))
        page.gauge(
            "keygate_config_generation", "Configurations that took effect since the start.", "",
            UInt64(shared.generation.load(ordering: .relaxed)))
        page.counter(
            "keygate_config_reload_refused_total", "Reloads refused because of an error.", "",
            UInt64(shared.refusedReloads.load(ordering: .relaxed)))
        page.gauge(
            "keygate_store_read_only", "Whether the store refuses changes, 1 or 0.", "",
            shared.storeIsReadOnly.load(ordering: .relaxed) ? 1 : 0)
        page.gauge(
            "keygate_store_writable", "Whether the store takes changes, 1 or 0.", "",
            shared.storeIsReadOnly.load(ordering: .relaxed) ? 0 : 1)
        let activity = shared.store.activity
        page.gauge(
            "keygate_store_in_place",
            "Whether the store's directory is where it was, 1 or 0; while it is not, nothing is kept.", "",
            activity.isInPlace ? 1 : 0)
        page.counter(
            "keygate_store_commits_total", "Batches of changes written to the disk, with one sync each.", "",
            activity.commitCount)
        page.counter(
            "keygate_store_changes_total", "Changes in those batches, exact spending of credits included.",
            "",
            activity.changeCount)

        page.gauge(
            "keygate_connections_open", "Open connections.", "", counters.sum { $0.connectionsOpen.current })
        page.declare("keygate_loop_connections", "Open connections, by event loop.", "gauge")
        for (loop, part) in counters.enumerated() {
            page.sample("keygate_loop_connections", "loop=\"\(loop)\"", part.connectionsOpen.current)
        }
        page.counter(
            "keygate_connections_total", "Connections accepted.", "",
            counters.sum { $0.connectionsOpened.current })
        page.counter(
            "keygate_connections_refused_total", "Connections over the limit.", "",
            counters.sum { $0.connectionsRefused.current })
        page.counter(
            "keygate_proxy_headers_refused_total",
            "Connections closed for want of a valid PROXY header from a trusted proxy.", "",
            counters.sum { $0.proxyHeadersRefused.current })
        page.gauge("keygate_tunnels_open", "Open WebSockets.", "", counters.sum { $0.tunnelsOpen.current })
        page.counter(
            "keygate_tunnels_total", "WebSockets that were opened.", "",
            counters.sum { $0.tunnelsOpened.current })
        page.counter(
            "keygate_tls_handshakes_total", "TLS handshakes that were completed.", "",
            counters.sum { $0.handshakes.current })
        page.counter(
            "keygate_tls_handshakes_failed_total", "TLS handshakes that failed, or took too long.", "",
            counters.sum { $0.handshakesFailed.current })
        page.counter(
            "keygate_bytes_received_total", "Bytes from clients.", "",
            counters.sum { $0.bytesFromClients.current })
        page.counter(
            "keygate_bytes_sent_total", "Bytes to clients.", "", counters.sum { $0.bytesToClients.current })

        page.counter(
            "keygate_forwarded_total", "Requests forwarded.", "", counters.sum { $0.allowed.current })
        page.counter(
            "keygate_shadow_refusals_total", "Requests a shadow route would have refused.", "",
            counters.sum { $0.shadowed.current })
        page.declare("keygate_refusals_total", "Requests refused, by code.", "counter")
        for reason in RefusalReason.allCases {
            page.sample(
                "keygate_refusals_total", "code=\"\(reason.description.code)\"",
                counters.sum { $0.refusalCount(reason) })
        }
        page.addCredits(counters)
        page.declare(
            "keygate_streams_revoked_total",
            "Running exchanges ended because their key is no longer good, by code.",
            "counter")
        for reason in RefusalReason.ofRunningExchanges {
            page.sample(
                "keygate_streams_revoked_total", "code=\"\(reason.description.code)\"",
                counters.sum { $0.revocationCount(reason) })
        }
        page.declare("keygate_responses_total", "Answers, by class of status.", "counter")
        for hundred in 1...5 {
            page.sample(
                "keygate_responses_total", "class=\"\(hundred)xx\"",
                counters.sum { $0.statusCount(hundred: hundred) })
        }
        page.counter(
            "keygate_clients_left_total", "Exchanges whose client left early.", "",
            counters.sum { $0.clientsLeft.current })
        page.counter(
            "keygate_answers_broken_total", "Answers broken off after their head.", "",
            counters.sum { $0.answersBroken.current })
        page.counter(
            "keygate_log_lines_dropped_total", "Access-log lines dropped because nobody read them.", "",
            counters.sum { $0.logLinesDropped.current })
        page.counter(
            "keygate_events_dropped_total", "Verification events dropped because too many came at once.", "",
            UInt64(shared.events.droppedCount))
        page.add(shared.upstreams)
        page.histogram(
            "keygate_revocation_seconds",
            "From accepting a call that can take something away to its governing every loop.",
            [shared.revocationTime])
        page.histogram(
            "keygate_request_duration_seconds", "From the head of a request to the end of its answer.",
            counters.map(\.totalTime))
        page.histogram(
            "keygate_upstream_duration_seconds", "From handing a request over to the head of its answer.",
            counters.map(\.upstreamTime))
        return page.bytes
    }
}

extension Array where Element == Counters {
    fileprivate func sum(_ value: (Counters) -> UInt64) -> UInt64 { reduce(0) { $0 &+ value($1) } }
}

/// The text under construction.
private struct MetricsPage {
    private(set) var bytes: [UInt8] = []

    mutating func declare(_ name: String, _ help: String, _ type: String) {
        add("# HELP \(name) \(help)\n# TYPE \(name) \(type)\n")
    }

    mutating func sample(_ name: String, _ labels: String, _ value: UInt64) {
        add(labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n")
    }

    mutating func gauge(_ name: String, _ help: String, _ labels: String, _ value: UInt64) {
        declare(name, help, "gauge")
        sample(name, labels, value)
    }

    mutating func counter(_ name: String, _ help: String, _ labels: String, _ value: UInt64) {
        declare(name, help, "counter")
        sample(name, labels, value)
    }

    mutating func addCredits(_ counters: [Counters]) {
        declare(
            "keygate_settlements_total", "Requests settled after their answer, by what decided the amount.",
            "counter")
        for ground in AmountOwed.Ground.allCases {
            sample(
                "keygate_settlements_total", "ground=\"\(ground.word)\"",
                counters.sum { $0.credits.groundCount(ground) })
        }
        counter(
            "keygate_settlements_failed_total", "Settlements that the store did not carry out.", "",
            counters.sum { $0.credits.failures.current })
        counter(
            "keygate_credits_refunded_total", "Credits given back after the answer.", "",
            counters.sum { $0.credits.returned.current })
        counter(
            "keygate_credits_surcharged_total", "Credits taken after the answer, beyond the reserve.", "",
            counters.sum { $0.credits.added.current })
        counter(
            "keygate_credits_uncollected_total", "Credits owed after the answer that the key did not have.",
            "", counters.sum { $0.credits.uncollected.current })
    }

    mutating func histogram(_ name: String, _ help: String, _ parts: [LatencyHistogram]) {
        declare(name, help, "histogram")
        var below: UInt64 = 0
        for bucket in 0..<LatencyHistogram.bucketCount {
            below &+= parts.reduce(0) { $0 &+ $1.count(bucket) }
            let bound = LatencyHistogram.boundMicros(bucket).map { seconds(micros: UInt64($0)) } ?? "+Inf"
            sample(name + "_bucket", "le=\"\(bound)\"", below)
        }
        add("\(name)_sum \(seconds(micros: parts.reduce(0) { $0 &+ $1.sumMicros.counter.current }))\n")
        add("\(name)_count \(below)\n")
    }

    /// Upstreams and their servers, as written in the configuration.
    mutating func add(_ upstreams: UpstreamRegistry) {
        let records = upstreams.records
        func servers(
            _ name: String, _ help: String, _ type: String, _ value: (UpstreamRecord) -> UInt64
        ) {
            declare("keygate_upstream_" + name, help, type)
            for record in records {
                let server = Self.escaped(record.address)
                sample(
                    "keygate_upstream_" + name, "upstream=\"\(record.group)\",server=\"\(server)\"",
                    value(record))
            }
        }
        servers("up", "1 if the server gets its share of requests.", "gauge") { $0.isOut ? 0 : 1 }
        servers("ejected", "1 if it is left alone because requests failed.", "gauge") {
            $0.isOut && !$0.isDown ? 1 : 0
        }
        servers("in_flight", "Requests under way.", "gauge") { $0.sum { $0.inFlight.current } }
        servers("requests_total", "Requests sent to it.", "counter") { $0.sum { $0.requests.current } }
        servers("failures_total", "Requests it did not answer.", "counter") { $0.sum { $0.failures.current } }
        servers("retries_total", "Requests that went on to another server.", "counter") {
            $0.sum { $0.retries.current }
        }
        let lines = upstreams.lines
        declare("keygate_upstream_queue_length", "Requests that wait for a server.", "gauge")
        for line in lines {
            sample(
                "keygate_upstream_queue_length", "upstream=\"\(line.group)\"",
                UInt64(line.places.current))
        }
        declare("keygate_upstream_queue_refused_total", "Requests refused for want of a server.", "counter")
        for line in lines {
            sample(
                "keygate_upstream_queue_refused_total", "upstream=\"\(line.group)\"",
                line.refusals.reduce(0) { $0 &+ $1.counter.current })
        }
    }

    private func seconds(micros: UInt64) -> String {
        let fraction = String(micros % 1_000_000)
        return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }

    private mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// The path of a Unix socket may have anything in it.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
