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
        /// Looks after the directory now, and tells whether it is where it was.
        case settle(@Sendable (Bool) -> Void)
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
    // Why the last attempt to take changes again came to nothing, and when that was said.
    private var lastObstacle: String?
    private var obstacleSaidNanos: Int64 = 0
    private var nextLookNanos: Int64 = 0
    private var refilledThroughDay: UInt32 = 0
    private var waitingForCompaction: [Completion] = []
    private var waitingToSettle: [@Sendable (Bool) -> Void] = []
    // Whoever owns this object: set in `init`, taken in `stop`.
    private var thread: Thread?
    // Set in `init`; then the store's thread's, until `stop` has waited for that.
    private var jobs: JobThread?
    // The store's thread's, until `stop` has waited for that.
    private var ending = Ending.inPlace

    /// Where the store is once its thread has ended.
    public enum Ending: Sendable, Equatable {
        /// Where it was opened.
        case inPlace
        /// In this directory, because others have filled its own. Nobody has it open.
        case rescued(directory: String)
        /// Nowhere: its directory is gone, and no other could be written, for this reason.
        case lost(String)
    }

    /// A name is looked at this often, so that nobody waits for a change to find the directory gone.
    private static let lookIntervalNanos: Int64 = 1_000_000_000
    /// That others have filled the directory is said again this often.
    private static let reminderNanos: Int64 = 10_000_000_000

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

    /// Sees to it that the directory is where it was, if that can be, and returns whether it is: files beside the
    /// store may then be written by name. Blocks.
    public func settle() -> Bool {
        let answer = Answer<Bool>()
        mailbox.post(.settle { answer.give($0) })
        return answer.wait()
    }

    /// Finishes what was submitted before, waits for a compaction that is under way, and ends the thread.
    /// The directory may then be opened by somebody else. Call it once; nothing may be submitted afterwards.
    @discardableResult
    public func stop() -> Ending {
        mailbox.post(.stop)
        thread.take()?.join()
        jobs.take()?.stop()
        openStore = nil
        return ending
    }

    // MARK: The thread

    private var store: KeyStore {
        guard let openStore else { preconditionFailure("work for a store that was stopped") }
        return openStore
    }

    private func run() {
        var isStopping = false
        while !isStopping || isCompacting {
            lookIfDue()
            resumeIfDue()
            refillIfDue()
            waitForMail(mailbox.wakeNumber, timeoutMillis: longestWaitMillis)
            var answers: [(String?) -> Void] = []
            var others: [Message] = []
            for message in mailbox.drain() {
                switch message {
                case .work(let work): answers.append(work(store))
                case .stop: isStopping = true
                case .compact, .compacted, .backup, .ask, .settle: others.append(message)
                case .wake: break
                }
            }
            commit(answers)
            for message in others { handle(message) }
            if store.wantsCompaction, !isCompacting, !isStopping { startCompaction() }
            store.catalog.collect()
        }
        // Once more, so that an orderly end can be one.
        if !settleNow() { rescue() }
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
        let look = Int32(clamping: max(1, (nextLookNanos - Clock.monotonicNanos()) / 1_000_000 + 1))
        if store.catalog.refilledKeys.isEmpty { return look }
        // Until midnight UTC, but not for long: the clock may be set.
        let sinceMidnight = Clock.realtimeNanos() / 1_000_000 % 86_400_000
        return min(look, Int32(86_400_000 - sinceMidnight))
    }

    /// Not every turn: under load there are many, and a commit looks as well.
    private func lookIfDue() {
        let now = Clock.monotonicNanos()
        if now < nextLookNanos { return }
        nextLookNanos = now + Self.lookIntervalNanos
        store.checkPlace()
        noteFailure()
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
        notePlace()
        onWritable(false)
        log("the store is read-only until it can be written again: \(failure)")
    }

    private func resumeIfDue() {
        if store.failure != nil, retries.isDue(Clock.monotonicNanos()) { resume() }
    }

    private func notePlace() {
        state.activity.note(isInPlace: store.failure == nil || (try? store.isInPlace) ?? false)
    }

    /// Looks, and resumes what has failed, at once. Whether the directory is where it was.
    private func settleNow() -> Bool {
        store.checkPlace()
        noteFailure()
        if store.failure != nil { resume() }
        return state.activity.isInPlace
    }

    /// The process ends, and what it has is nowhere: others have filled the directory, or it cannot be made.
    private func rescue() {
        do throws(StoreFileError) {
            let place = store.directory
            let directory = try store.rescue()
            ending = .rescued(directory: directory)
            log("everything acknowledged was written to \(directory), because it cannot be in \(place)")
        } catch {
            ending = .lost("\(error)")
            log("what is in memory is lost, its directory is not there and no other can be made: \(error)")
        }
    }

    private func resume() {
        // The files of a compaction go where its directory was when it began.
        if isCompacting, !state.activity.isInPlace { return retries.postpone(Clock.monotonicNanos()) }
        let resumption: KeyStore.Resumption
        do throws(StoreFileError) {
            resumption = try store.resume()
        } catch {
            notePlace()
            sayObstacle(error)
            return retries.postpone(Clock.monotonicNanos())
        }
        notePlace()
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

    /// Once, or again and again while others have the directory: until somebody acts, nothing here is kept.
    private func sayObstacle(_ error: StoreFileError) {
        let now = Clock.monotonicNanos()
        let isDue = !state.activity.isInPlace && now - obstacleSaidNanos >= Self.reminderNanos
        if error.reason != lastObstacle || isDue {
            obstacleSaidNanos = now
            log("the store is still read-only: \(error)")
        }
        lastObstacle = error.reason
    }

    private func handle(_ message: Message) {
        switch message {
        case .work, .stop, .wake: break
        case .settle(let completion):
            let isInPlace = settleNow()
            // What waits for a compaction to end is not yet decided.
            if isCompacting, !isInPlace { waitingToSettle.append(completion) } else { completion(isInPlace) }
        case .compact(let completion):
            waitingForCompaction.append(completion)
            if !isCompacting { startCompaction() }
        case .compacted(let outcome, let sequence):
            isCompacting = false
            finishCompaction(store.finishCompaction(outcome, sequence: sequence))
            if waitingToSettle.isEmpty { return }
            let isInPlace = settleNow()
            for completion in waitingToSettle { completion(isInPlace) }
            waitingToSettle.removeAll()
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
        let place = store.place
        let budget = store.ledgerBudget
        let sequence = image.head.sequence
        jobs?.run { [self] in
            let outcome = KeyStore.write(image, ledger, place, budget: budget)
            mailbox.post(.compacted(outcome, sequence: sequence))
        }
    }

    private func finishCompaction(_ error: StoreFileError?) {
        if let error { log("compaction failed, the journal goes on: \(error)") }
        for completion in waitingForCompaction { completion(error.map { .failure($0) } ?? .success(())) }
        waitingForCompaction.removeAll()
    }
}
