// The one thread that owns the disk. Work comes in from any thread; everything that waits is run, written
// with one write and one sync, published, and only then answered. The longer the disk takes, the more
// shares the next sync.

public import Reactor

/// Runs transactions for a server. Any thread may submit; results are delivered on the store's thread.
///
/// `@unchecked` because of the variables below: each says whose it is between `init` and the end of `stop`,
/// which begin and end the store's thread.
public final class StoreThread: @unchecked Sendable {
    private enum Message: Sendable {
        /// Runs the transaction and returns what delivers its answer, given why the batch failed, if it did.
        case work(@Sendable (KeyStore) -> (String?) -> Void)
        case compact(Completion)
        case compacted(Result<Int, StoreFileError>, sequence: UInt64)
        case backup(target: String, Completion)
        /// Prepares something, between batches, that the thread for long things then does.
        case ask(@Sendable (KeyStore) -> @Sendable () -> Void)
        /// There is more of what the last turn left undone.
        case wake
        case stop
    }

    /// Told once, on some thread of the store, how a compaction or a copy ended.
    public typealias Completion = @Sendable (Result<Void, StoreFileError>) -> Void

    private let mailbox: Mailbox<Message>
    private let state: PublishedState
    private let log: @Sendable (String) -> Void
    private let onWritable: @Sendable (Bool) -> Void
    // The store's thread only. Given up by `stop`, so that the lock on the directory goes with the thread.
    private var openStore: KeyStore?
    private var isCompacting = false
    private var retries = RetrySchedule()
    // Why the last attempt to take changes again came to nothing.
    private var lastObstacle: String?
    private var refilledThroughDay: UInt32 = 0
    private var waitingForCompaction: [Completion] = []
    // Whoever owns this object: set in `init`, taken in `stop`.
    private var thread: Thread?
    // Set in `init`; then the store's thread's, until `stop` has waited for that.
    private var jobs: JobThread?

    /// Starts the thread. `log` gets a line for each thing an operator should know: read-only mode and its
    /// end, a failed compaction. `onWritable` is told at each change whether mutations are taken. Both are
    /// called on threads of the store.
    public init(
        _ store: sending KeyStore, log: @escaping @Sendable (String) -> Void,
        onWritable: @escaping @Sendable (Bool) -> Void = { _ in }
    ) throws(Errno) {
        mailbox = try Mailbox()
        state = store.catalog.state
        openStore = store
        self.log = log
        self.onWritable = onWritable
        jobs = try JobThread(name: "keygate-copy")
        thread = try Thread(name: "keygate-store") { [self] in run() }
    }

    /// How often the disk was waited for. Any thread.
    public var activity: StoreActivity { state.activity }

    /// A reader for one event loop. Any thread.
    public func makeReader() -> StoreReader { StoreReader(state) }

    /// Runs `work` on the store's thread and tells `completion`, there, how it ended: for a mutation, after
    /// it is on the disk and every reader sees it.
    public func submit<R, Refusal: Error & Sendable>(
        _ work: @escaping @Sendable (inout Transaction) throws(Refusal) -> R,
        completion: @escaping @Sendable (Result<R, TransactionFailure<Refusal>>) -> Void
    ) {
        mailbox.post(
            .work { store in
                let result = store.stage(work)
                return { failure in
                    if let failure { completion(.failure(.unavailable(failure))) } else { completion(result) }
                }
            })
    }

    /// Runs `work` as `submit` does and waits for it. Not for event loops, and not for the store's thread.
    public func perform<R: Sendable, Refusal: Error & Sendable>(
        _ work: @escaping @Sendable (inout Transaction) throws(Refusal) -> R
    ) throws(TransactionFailure<Refusal>) -> R {
        let answer = Answer<Result<R, TransactionFailure<Refusal>>>()
        submit(work) { answer.give($0) }
        return try answer.wait().get()
    }

    /// Sizes and counts, told on the store's thread.
    public func statistics(_ completion: @escaping @Sendable (StoreStatistics) -> Void) {
        mailbox.post(
            .work { store in
                let statistics = store.statistics
                return { _ in completion(statistics) }
            })
    }

    /// Compacts the journal into a snapshot while everything goes on.
    public func compact(_ completion: @escaping Completion) { mailbox.post(.compact(completion)) }

    /// Writes a copy as of now into `target`, an empty or new directory, while everything goes on.
    public func backup(to target: String, _ completion: @escaping Completion) {
        mailbox.post(.backup(target: target, completion))
    }

    /// The last `limit` movements of a key's credits, told on some thread of the store; nil if it does not know
    /// the key.
    public func ledger(
        of keyID: String, limit: Int,
        _ completion: @escaping @Sendable (Result<LedgerHistory?, StoreFileError>) -> Void
    ) {
        mailbox.post(
            .ask { store in
                let read = store.ledgerQuestion(of: keyID, limit: limit)
                return { completion(read()) }
            })
    }

    /// Checks the ledger against the records as they are now, while everything goes on.
    public func verifyLedger(
        _ completion: @escaping @Sendable (Result<LedgerReport, StoreFileError>) -> Void
    ) {
        mailbox.post(
            .ask { store in
                let check = store.ledgerAudit()
                return { completion(check()) }
            })
    }

    /// Finishes what was submitted before, waits for a compaction that is under way, and ends the thread.
    /// The directory may then be opened by somebody else. Call it once; nothing may be submitted afterwards.
    public func stop() {
        mailbox.post(.stop)
        thread.take()?.join()
        jobs.take()?.stop()
        openStore = nil
    }

    // MARK: The thread

    private var store: KeyStore {
        guard let openStore else { preconditionFailure("work for a store that was stopped") }
        return openStore
    }

    private func run() {
        var isStopping = false
        while !isStopping || isCompacting {
            resumeIfDue()
            refillIfDue()
            waitForMail(mailbox.wakeNumber, timeoutMillis: longestWaitMillis)
            var answers: [(String?) -> Void] = []
            var others: [Message] = []
            for message in mailbox.drain() {
                switch message {
                case .work(let work): answers.append(work(store))
                case .stop: isStopping = true
                case .compact, .compacted, .backup, .ask: others.append(message)
                case .wake: break
                }
            }
            commit(answers)
            for message in others { handle(message) }
            if store.wantsCompaction, !isCompacting, !isStopping { startCompaction() }
            store.catalog.collect()
        }
        // Once more, so that an orderly end can be one.
        if store.failure != nil { resume() }
        // The loops have ended, so what is leased is spent by nobody any more.
        var isMore = true
        while isMore {
            let returned = store.stage { (store) throws(StoreError) in try store.returnLeases(limit: 4096) }
            commit([])
            switch returned {
            case .success(let left): isMore = left && store.unavailableReason == nil
            case .failure(let failure):
                isMore = false
                log("leased credits could not be returned: \(failure)")
            }
        }
    }

    private var longestWaitMillis: Int32 {
        // While readers still hold something that could be freed, look again before long.
        if store.catalog.hasWaitingMemory { return 100 }
        if store.failure != nil { return retries.millisToWait(Clock.monotonicNanos()) }
        if store.catalog.refilledKeys.isEmpty { return -1 }
        // Until midnight UTC, but at most a minute: the clock may be set.
        let sinceMidnight = Clock.realtimeNanos() / 1_000_000 % 86_400_000
        return Int32(min(60_000, 86_400_000 - sinceMidnight))
    }

    /// At the first turn, for the days that were missed, and once a day. A batch at a time, so that others
    /// get in between.
    private func refillIfDue() {
        let today = RefillCalendar.day(ofMillis: Clock.realtimeNanos() / 1_000_000)
        if today == refilledThroughDay || store.unavailableReason != nil { return }
        let result = store.stage { (store) throws(StoreError) in try store.refillCredits(limit: 1000) }
        commit([])
        switch result {
        case .success(true): mailbox.post(.wake)
        case .success(false): refilledThroughDay = today
        case .failure(let failure):
            refilledThroughDay = today
            log("refilling credits failed: \(failure)")
        }
    }

    private func commit(_ answers: [(String?) -> Void]) {
        let failure = store.commit()
        noteFailure()
        for answer in answers { answer(failure) }
    }

    // MARK: Failing and resuming

    /// Says once that the store has become read-only, and sees to it that it is tried again.
    private func noteFailure() {
        guard let failure = store.failure, !retries.isUnderWay else { return }
        retries.begin(Clock.monotonicNanos())
        lastObstacle = failure.reason
        onWritable(false)
        log("the store is read-only until it can be written again: \(failure)")
    }

    private func resumeIfDue() {
        if store.failure != nil, retries.isDue(Clock.monotonicNanos()) { resume() }
    }

    private func resume() {
        let resumption: KeyStore.Resumption
        do throws(StoreFileError) {
            resumption = try store.resume()
        } catch {
            if error.reason != lastObstacle { log("the store is still read-only: \(error)") }
            lastObstacle = error.reason
            return retries.postpone(Clock.monotonicNanos())
        }
        lastObstacle = nil
        retries.end(Clock.monotonicNanos())
        switch resumption {
        case .continued: log("the store takes changes again")
        case .remade:
            log("the store's directory was gone and was made again, with everything acknowledged in it")
        }
        onWritable(true)
        if store.wantsCompaction, !isCompacting { startCompaction() }
    }

    private func handle(_ message: Message) {
        switch message {
        case .work, .stop, .wake: break
        case .compact(let completion):
            waitingForCompaction.append(completion)
            if !isCompacting { startCompaction() }
        case .compacted(let outcome, let sequence):
            isCompacting = false
            finishCompaction(store.finishCompaction(outcome, sequence: sequence))
        case .ask(let prepare):
            jobs?.run(prepare(store))
        case .backup(let target, let completion):
            let image = store.imageForBackup()
            let disk = store.files
            let directory = store.directory
            jobs?.run {
                do throws(StoreFileError) {
                    try KeyStore.writeBackup(image, of: directory, to: target, disk)
                    completion(.success(()))
                } catch {
                    completion(.failure(error))
                }
            }
        }
    }

    private func startCompaction() {
        let image: StoreImage
        do {
            image = try store.beginCompaction()
        } catch {
            _ = store.finishCompaction(.failure(error), sequence: 0)
            noteFailure()
            return finishCompaction(error)
        }
        isCompacting = true
        let ledger = store.ledgerStore
        let budget = store.ledgerBudget
        let sequence = image.head.sequence
        jobs?.run { [self] in
            mailbox.post(.compacted(KeyStore.write(image, ledger, budget: budget), sequence: sequence))
        }
    }

    private func finishCompaction(_ error: StoreFileError?) {
        if let error { log("compaction failed, the journal goes on: \(error)") }
        for completion in waitingForCompaction { completion(error.map { .failure($0) } ?? .success(())) }
        waitingForCompaction.removeAll()
    }
}
