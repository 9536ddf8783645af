import Glibc
import Synchronization

/// How a process ended.
enum Exit: Equatable, Sendable {
    case code(Int32)
    case signal(Int32)
}

/// A process this test started: its output collected as it comes, its end waited for with a
/// deadline, and never signalled after it was reaped, when its pid may be somebody else's.
final class Child: Sendable {
    private struct Output {
        var standardOutput: [UInt8] = []
        var standardError: [UInt8] = []
        var reaped = false
    }

    let pid: pid_t
    private let output = Mutex(Output())
    private let lines = Channel<String>()
    private let ended = Channel<Exit>()

    /// - Parameters:
    ///   - environment: added to this process's own.
    ///   - input: written to standard input, which is then closed.
    init(
        _ arguments: [String], in directory: String, environment: [String: String] = [:], input: String? = nil
    ) throws {
        let out = try Socket.pair()
        let err = try Socket.pair()
        let inp = try Socket.pair()
        // There is no portable way to give posix_spawn a working directory; a shell has one.
        let command = ["/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", directory] + arguments
        pid = try Self.spawn(
            command, environment: environment,
            descriptors: [inp.1.descriptor, out.1.descriptor, err.1.descriptor])
        if let input { try inp.0.send(Array(input.utf8)) }
        inp.0.finishSending()
        // Only our ends go to the threads: the stream ends when the child's own copies are closed.
        let (ourOutput, ourErrors, ourInput) = (out.0, err.0, inp.0)
        let readers = Channel<Void>()
        startThread { [self] in
            collect(ourOutput) { $0.standardOutput += $1 }
            readers.push(())
        }
        startThread { [self] in
            collect(ourErrors) { $0.standardError += $1 }
            readers.push(())
        }
        startThread { [self] in
            let exit = reap()
            _ = ourInput
            // What the child itself wrote is there already; what a grandchild holds open is not waited for.
            ourOutput.finishReceiving()
            ourErrors.finishReceiving()
            for _ in 0..<2 { _ = try? readers.next("end of the output") }
            ended.push(exit)
        }
    }

    var standardOutput: String { output.withLock { String(decoding: $0.standardOutput, as: UTF8.self) } }
    var standardError: String { output.withLock { String(decoding: $0.standardError, as: UTF8.self) } }

    var hasEnded: Bool { output.withLock { $0.reaped } }

    func signal(_ number: Int32) {
        output.withLock { if !$0.reaped { _ = kill(pid, number) } }
    }

    /// Stops the process where it is until SIGCONT. False if it does not stop.
    func pause() -> Bool {
        signal(SIGSTOP)
        return eventually { (try? readFile("/proc/\(pid)/status"))?.contains("State:\tT") ?? false }
    }

    /// The next line of output (either stream) that satisfies the condition.
    func line(_ what: String, milliseconds: Int32 = 60_000, where condition: (String) -> Bool) throws
        -> String
    {
        while true {
            do {
                let line = try lines.next(what, milliseconds: milliseconds)
                if condition(line) { return line }
            } catch {
                throw SocketError.timedOut("\(what); so far: \(standardOutput)\(standardError)")
            }
        }
    }

    /// Waits for the end. A process that outlives the deadline is killed and reported.
    func waitForExit(milliseconds: Int32 = 120_000) throws -> Exit {
        do {
            return try ended.next("exit", milliseconds: milliseconds)
        } catch {
            signal(SIGKILL)
            throw SocketError.timedOut(
                "process \(pid) did not end; so far: \(standardOutput)\(standardError)")
        }
    }

    private func collect(
        _ socket: Socket, into add: (inout Output, [UInt8]) -> Void
    ) {
        var partial: [UInt8] = []
        while true {
            let bytes: [UInt8]
            do { bytes = try socket.receive() } catch SocketError.timedOut { continue } catch { break }
            if bytes.isEmpty { break }
            output.withLock { add(&$0, bytes) }
            partial += bytes
            while let newline = partial.firstIndex(of: 0x0A) {
                lines.push(String(decoding: partial[..<newline], as: UTF8.self))
                partial.removeSubrange(...newline)
            }
        }
        if !partial.isEmpty { lines.push(String(decoding: partial, as: UTF8.self)) }
    }

    private func reap() -> Exit {
        var info = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
        return output.withLock { state in
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            state.reaped = true
            return status & 0x7F == 0 ? .code((status >> 8) & 0xFF) : .signal(status & 0x7F)
        }
    }

    private static func spawn(
        _ command: [String], environment: [String: String], descriptors: [Int32]
    ) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }
        // The runner's threads block signals, and a child would inherit that: SIGTERM would not end it.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var variables = currentEnvironment()
        // A trap's message is enough here; the backtrace that follows it takes seconds.
        if variables["SWIFT_BACKTRACE"] == nil { variables["SWIFT_BACKTRACE"] = "enable=no" }
        for (name, value) in environment { variables[name] = value }
        let pairs = variables.map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let status = spawning.withLock { _ in
            unsafe withCStrings(command) { argv in
                unsafe withCStrings(pairs) { envp in
                    unsafe posix_spawn(&pid, command[0], &actions, &attributes, argv, envp)
                }
            }
        }
        guard status == 0 else { throw SocketError.failed("spawn \(command)", errno: status) }
        return pid
    }
}

/// A process run to its end.
struct Finished: Sendable {
    let exit: Exit
    let output: String
    let errors: String

    var succeeded: Bool { exit == .code(0) }
}

func runToEnd(
    _ arguments: [String], in directory: String, environment: [String: String] = [:], input: String? = nil,
    milliseconds: Int32 = 120_000
) throws -> Finished {
    let child = try Child(arguments, in: directory, environment: environment, input: input)
    let exit = try child.waitForExit(milliseconds: milliseconds)
    return Finished(exit: exit, output: child.standardOutput, errors: child.standardError)
}

func environmentVariable(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

private func currentEnvironment() -> [String: String] {
    var found: [String: String] = [:]
    var cursor = unsafe environ
    while let entry = unsafe cursor.pointee {
        let text = unsafe String(cString: entry)
        if let equals = text.firstIndex(of: "=") {
            found[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        unsafe cursor += 1
    }
    return found
}

private func withCStrings<R>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
    var copies: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { unsafe strdup($0) }
    unsafe copies.append(nil)
    defer { for index in strings.indices { unsafe free(copies[index]) } }
    return unsafe copies.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }
}
