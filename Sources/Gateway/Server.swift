// A running gateway: starts the loops, waits for signals, reloads, drains.

import Access
import Bytes
public import Keys
import Limits
import Reactor
public import Rules
import Synchronization
import Upstream

/// Why a server does not start.
public struct StartError: Error, Sendable, CustomStringConvertible {
    /// What failed and where, in one sentence.
    public let description: String
}

extension StartError {
    fileprivate init(besideTheLoops error: Errno, _ settings: Settings) {
        let log =
            switch settings.accessLog {
            case .file(let path): "access-log \(path)"
            case .standardOutput, .off: "access log"
            }
        description = "\(log), or the threads beside the loops: \(error)"
    }
}

public enum Server {
    /// The name of the control socket in the store's directory.
    public static let controlSocketName = "control.sock"

    /// Serves until told to stop. Returns when everything is finished and flushed, and says where the store is then.
    ///
    /// `compile` reads a configuration file, for SIGHUP and for explanations; `ready` is called once, with the addresses,
    /// when connections are accepted.
    public static func run(
        _ configuration: Configuration, _ certificates: ListenerCertificates, store: sending KeyStore,
        version: String,
        compile: @escaping ConfigurationCompiler,
        ready: (_ listeners: [String], _ admin: String?) -> Void
    ) throws(StartError) -> StoreThread.Ending {
        let signals: Signals
        do throws(Errno) { signals = try Signals() } catch {
            throw StartError(description: "signals: \(error)")
        }
        CurlMulti.initialiseLibrary()
        _ = ProcessLimits.raiseOpenFiles()
        ProcessLimits.keepLargeAllocationsApart()

        let settings = configuration.settings
        try checkFiles(configuration)
        let storePath = store.directory
        var listeners: [Listener] = []
        for (position, listener) in settings.listeners.enumerated() {
            listeners.append(
                Listener(
                    try open(listener.endpoint), role: .client, position: position,
                    acceptsProxyHeader: listener.acceptsProxyHeader))
        }
        var local: [Listener] = []
        if let admin = settings.admin { local.append(Listener(try open(admin), role: .admin)) }
        // Only its owner may use the control socket: it needs no credential.
        local.append(
            Listener(try open(.unix(path: storePath + "/" + controlSocketName), mode: 0o600), role: .control))

        let flag = ReadOnlyFlag()
        let storeThread: StoreThread
        let log: LogSink?
        let state: ServerState
        do throws(Errno) {
            storeThread = try StoreThread(
                store, log: { Diagnostics.say($0) }, onWritable: { flag.set(isReadOnly: !$0) })
            do throws(Errno) { log = try LogSink.open(settings.accessLog) } catch {
                storeThread.stop()
                throw error
            }
        } catch {
            throw StartError(besideTheLoops: error, settings)
        }
        // As late as can be: what is taken from this file is gone if the start fails.
        var windows: WindowsFile
        do throws(StoreFileError) { windows = try WindowsFile(directory: storePath) } catch {
            log?.close()
            storeThread.stop()
            throw StartError(description: "rate-limit windows: \(error)")
        }
        do throws(Errno) {
            let count =
                switch settings.workers {
                case .automatic: ProcessLimits.coreCount
                case .fixed(let count): count
                }
            state = try ServerState(
                store: storeThread, rateCounters: RateCounters(continuing: windows.takeSaved()), log: log,
                workerCount: count, version: version, compile: compile)
            flag.attach(state)
            state.upstreams.adopt(configuration.upstreams)
        } catch {
            throw StartError(besideTheLoops: error, settings)
        }

        var usage: UsageKeeper
        do throws(StoreFileError) {
            usage = try UsageKeeper(state.events, state.store, directory: storePath)
        } catch {
            state.log?.close()
            state.questions.stop()
            state.store.stop()
            throw StartError(description: "usage statistics: \(error)")
        }
        let threads = try startWorkers(state, configuration, certificates, listeners, local)
        var checks = HealthChecks()
        do throws(Errno) { try checks.use(configuration.upstreams, state.upstreams) } catch {
            throw StartError(description: "the thread that checks servers: \(error)")
        }
        let addresses = listeners.map { $0.socket.address.description }
        let adminAddress = local.first { $0.role == .admin }?.socket.address.description
        // The loops have their references; the last to let go closes a socket.
        listeners = []
        local = []
        state.phase.store(.serving, ordering: .relaxed)
        ready(addresses, adminAddress)

        serve(signals, state, configuration, &usage, &checks, storePath + "/" + controlSocketName)
        threads.joinAll()
        checks.stop()
        state.questions.stop()
        usage.finish()
        state.log?.close()
        // The store's thread charges limits as well; it has done all that the loops asked of it once it answers.
        try? state.store.perform { (_: inout Transaction) throws(StoreError) in }
        let isInPlace = state.store.settle()
        if isInPlace { windows.save(state.rateCounters) }
        // Gives up the lock on the directory, so it comes last.
        let ending = state.store.stop()
        if case .rescued(let directory) = ending { saveBeside(state, in: directory) }
        return ending
    }

    /// What else is kept beside a store, in the directory that it was rescued to.
    private static func saveBeside(_ state: ServerState, in directory: String) {
        do throws(StoreFileError) {
            var windows = try WindowsFile(directory: directory)
            windows.save(state.rateCounters)
            try UsageFile.write(state.events, in: directory)
        } catch {
            Diagnostics.say("windows of rate limits or sums of usage are not in \(directory): \(error)")
        }
    }

    // MARK: Starting

    private static func open(
        _ endpoint: Endpoint, mode: UInt32 = 0o666
    ) throws(StartError) -> ListeningSocket {
        let address: SocketAddress
        switch endpoint {
        case .tcp(let ip, let port):
            guard let parsed = SocketAddress(host: ip.description, port: port) else {
                throw StartError(description: "\(endpoint) is not an address to listen on")
            }
            address = parsed
        case .unix(let path):
            address = .unix(path: path)
        }
        do throws(Errno) {
            return try ListeningSocket(address, mode: mode)
        } catch {
            throw StartError(description: "cannot listen on \(endpoint): \(error)")
        }
    }

    /// Files that are only read when a connection is made must be readable now.
    private static func checkFiles(_ configuration: Configuration) throws(StartError) {
        for group in configuration.upstreams {
            let files = [
                ("tls-ca file", group.caFile),
                ("client-certificate file", group.clientCertificate?.certificateFile),
                ("client-certificate key", group.clientCertificate?.keyFile),
            ]
            for case (let what, let file?) in files {
                do throws(Errno) { try FileAccess.checkReadable(file) } catch {
                    throw StartError(
                        description: "upstream \(group.name): cannot read \(what) \(file): \(error)")
                }
            }
        }
    }

    private static func startWorkers(
        _ state: ServerState, _ configuration: Configuration, _ certificates: ListenerCertificates,
        _ listeners: [Listener], _ local: [Listener]
    ) throws(StartError) -> WorkerThreads {
        let threads = WorkerThreads()
        let started: Mailbox<Errno?>
        do throws(Errno) { started = try Mailbox() } catch {
            throw StartError(description: "workers: \(error)")
        }
        for number in 0..<state.mailboxes.count {
            do throws(Errno) {
                // Taken out by the loop, for a thread keeps what its closure holds until it ends, and a
                // listening socket is closed long before that, when draining begins.
                let own = HandedListeners(number == 0 ? listeners + local : listeners)
                let thread = try Thread(name: "worker-\(number)") {
                    do throws(Errno) {
                        let worker = try Worker(
                            state, number: number, configuration: configuration, certificates,
                            listeners: own.take())
                        started.post(nil)
                        worker.run()
                    } catch {
                        started.post(error)
                    }
                    state.loopEnded()
                }
                threads.add(thread)
            } catch {
                throw StartError(description: "worker \(number): \(error)")
            }
        }
        // Only when every loop is there does anybody say that connections are accepted.
        var waiting = state.mailboxes.count
        while waiting > 0 {
            started.wait()
            for failure in started.drain() {
                waiting -= 1
                if let failure { throw StartError(description: "an event loop does not start: \(failure)") }
            }
        }
        return threads
    }

    // MARK: Serving

    private static func serve(
        _ signals: borrowing Signals, _ state: ServerState, _ configuration: Configuration,
        _ usage: inout UsageKeeper, _ checks: inout HealthChecks, _ controlSocket: String
    ) {
        while true {
            usage.tick()
            // Whoever deletes the store's directory deletes the socket with it, and the store comes back.
            if state.store.activity.isInPlace, !ListeningSocket.isSocket(controlSocket) {
                state.mailboxes[0].post(.listenAgain(controlSocket: controlSocket))
            }
            // Loops end by themselves only if they could not start.
            guard let signal = signals.next(milliseconds: 1000) else {
                if state.runningWorkers.load(ordering: .acquiring) == 0 { return }
                continue
            }
            switch signal {
            case .hangUp: reload(state, configuration, &checks)
            case .terminate, .interrupt:
                drain(signals, state, configuration.settings, &usage)
                return
            }
        }
    }

    /// Compiles and checks the new rules on this thread; only rules that are whole reach the loops.
    private static func reload(
        _ state: ServerState, _ current: Configuration, _ checks: inout HealthChecks
    ) {
        state.log?.reopen()
        do throws(ConfigurationError) {
            let configuration = try state.compile(current.path)
            if let fixed = firstFixedChange(current.settings, configuration.settings) {
                state.refusedReloads.add(1, ordering: .relaxed)
                Diagnostics.say("the old rules stay in force: \(fixed) cannot change without a restart")
                return
            }
            let certificates = try ListenerCertificates.load(configuration.settings)
            do throws(StartError) { try checkFiles(configuration) } catch {
                state.refusedReloads.add(1, ordering: .relaxed)
                Diagnostics.say("the old rules stay in force: \(error)")
                return
            }
            let generation = state.generation.add(1, ordering: .relaxed).newValue
            state.upstreams.adopt(configuration.upstreams)
            state.tellAll(.reload(configuration, certificates, generation: generation))
            do throws(Errno) { try checks.use(configuration.upstreams, state.upstreams) } catch {
                Diagnostics.say("servers are not checked: \(error)")
            }
            for warning in certificates.warnings { Diagnostics.say("\(warning)") }
            Diagnostics.say(
                "reloaded \(configuration.path): \(configuration.routes.count.counted("route")), generation \(generation)"
            )
        } catch {
            state.refusedReloads.add(1, ordering: .relaxed)
            Diagnostics.say("the old rules stay in force, the new ones have errors:\n\(error)")
        }
    }

    /// The first directive that differs and takes effect at a start only.
    private static func firstFixedChange(_ old: Settings, _ new: Settings) -> String? {
        if !old.listeners.elementsEqual(new.listeners, by: { $0.hasSameSocket(as: $1) }) {
            return "`listen`"
        }
        if old.admin != new.admin { return "`admin`" }
        if old.storePath != new.storePath { return "`store`" }
        if old.workers != new.workers { return "`workers`" }
        if old.accessLog != new.accessLog { return "`access-log`" }
        return nil
    }

    /// Ends the loops: those that finish in time by themselves, the others when it is up or a second signal
    /// says so.
    private static func drain(
        _ signals: borrowing Signals, _ state: ServerState, _ settings: Settings, _ usage: inout UsageKeeper
    ) {
        state.phase.store(.draining, ordering: .relaxed)
        Diagnostics.say("draining")
        state.tellAll(.drain)
        let deadline = Clock.monotonicNanos() + Int64(settings.shutdownGraceNanos)
        while state.runningWorkers.load(ordering: .acquiring) > 0, Clock.monotonicNanos() < deadline {
            switch signals.next(milliseconds: 20) {
            case .terminate, .interrupt:
                Diagnostics.say("stopping now")
                state.tellAll(.stop)
                return
            case .hangUp, nil:
                usage.tick()
            }
        }
        if state.runningWorkers.load(ordering: .acquiring) > 0 {
            Diagnostics.say("the grace period is over, closing what is left")
            state.tellAll(.stop)
        }
    }
}

/// The threads of the loops, to be waited for together.
private final class WorkerThreads {
    private var joins: [() -> Void] = []

    func add(_ thread: Thread) { joins.append { thread.join() } }

    func joinAll() {
        for join in joins { join() }
        joins = []
    }
}

/// Passes on to the server's state, which is made after the store's thread, whether the store is read-only.
private final class ReadOnlyFlag: Sendable {
    private struct Contents {
        var state: ServerState?
        var isReadOnly = false
    }
    private let contents = Mutex(Contents())

    func set(isReadOnly: Bool) {
        contents.withLock { contents in
            contents.isReadOnly = isReadOnly
            contents.state?.storeIsReadOnly.store(isReadOnly, ordering: .relaxed)
        }
    }

    func attach(_ state: ServerState) {
        contents.withLock { contents in
            contents.state = state
            state.storeIsReadOnly.store(contents.isReadOnly, ordering: .relaxed)
        }
    }
}

/// Listeners on their way to the loop that will own them: taken once, and no longer held here from then on.
private final class HandedListeners: Sendable {
    private let listeners: Mutex<[Listener]>

    init(_ listeners: [Listener]) { self.listeners = Mutex(listeners) }

    func take() -> [Listener] {
        listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
    }
}
