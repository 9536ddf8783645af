// What has to be done with verification events now and then, and by nobody who serves requests: sort them
// in, save the roll-ups, and tell the store which keys were used. The main thread does it, which otherwise
// waits for signals.

import Analytics
import Keys
import Reactor

/// The housekeeping of the event log. Belongs to one thread.
struct UsageKeeper: ~Copyable {
    private static let saveIntervalNanos: Int64 = 1_000_000_000
    /// A key's last use is told within a minute, with some time to spare for the store.
    private static let useIntervalNanos: Int64 = 50_000_000_000
    /// After a failed write.
    private static let retryIntervalNanos: Int64 = 30_000_000_000
    /// Keys stamped by one transaction; others get their turn in between.
    private static let usesPerTransaction = 1_000

    private let events: EventLog
    private let store: StoreThread
    private var file: UsageFile
    private var nextSaveNanos: Int64 = 0
    private var nextUsesNanos = Clock.monotonicNanos() + useIntervalNanos
    private var isFailing = false

    init(_ events: EventLog, _ store: StoreThread, directory: String) throws(StoreFileError) {
        self.events = events
        self.store = store
        file = try UsageFile(directory: directory, events: events)
        if file.cutByteCount > 0 {
            Diagnostics.say(
                "usage statistics: \(file.cutByteCount) bytes at the end of the file were incomplete, cut off"
            )
        }
    }

    /// Does what is due. To be called about once a second.
    mutating func tick() {
        let now = Clock.monotonicNanos()
        guard now >= nextSaveNanos else { return }
        nextSaveNanos = now + Self.saveIntervalNanos
        events.absorb(nowMillis: Clock.realtimeNanos() / 1_000_000)
        save(now)
        guard now >= nextUsesNanos else { return }
        nextUsesNanos = now + Self.useIntervalNanos
        for uses in lastUses() {
            // A store that takes no changes any more keeps the times it has.
            store.submit { (store: inout Transaction) throws(StoreError) in
                try Self.stamp(uses, in: &store)
            } completion: { _ in
            }
        }
    }

    /// Saves everything, once the loops have ended and before the store does.
    consuming func finish() {
        // A directory that was deleted a moment ago is there again once this is answered.
        guard store.settle() else { return }
        for uses in lastUses() {
            try? store.perform { (store: inout Transaction) throws(StoreError) in
                try Self.stamp(uses, in: &store)
            }
        }
        save(Clock.monotonicNanos())
        do throws(StoreFileError) { try file.sync() } catch { complain(error) }
    }

    private mutating func save(_ now: Int64) {
        do throws(StoreFileError) {
            // By name it would be written for whoever has the directory now; the log keeps it meanwhile.
            let isPresent = try file.isPresent
            guard isPresent || store.settle() else { return }
            try file.save()
            isFailing = false
        } catch {
            nextSaveNanos = now + Self.retryIntervalNanos
            complain(error)
        }
    }

    private mutating func complain(_ error: StoreFileError) {
        if !isFailing { Diagnostics.say("usage statistics are not saved: \(error)") }
        isFailing = true
    }

    // MARK: Last use

    /// The keys used since the last call, in parts for one transaction each.
    private func lastUses() -> [[LastUse]] {
        let uses = events.takeLastUses()
        return stride(from: 0, to: uses.count, by: Self.usesPerTransaction).map { start in
            Array(uses[start..<min(uses.count, start + Self.usesPerTransaction)])
        }
    }

    /// A last use never moves backwards, and a key that has gone in the meantime is left alone.
    private static func stamp(_ uses: [LastUse], in store: inout Transaction) throws(StoreError) {
        for use in uses {
            guard let key = store.key(id: use.keyID), (key.lastUsedAtMillis ?? .min) < use.timeMillis else {
                continue
            }
            try store.updateKey(key.reference, .keepsTimestamp) { (key) throws(StoreError) in
                key.lastUsedAtMillis = use.timeMillis
            }
        }
    }
}
