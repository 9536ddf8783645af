// The counters of a process that has ended, for the next one: what was counted, and how old each window was. Ages
// and not times of day, because between two processes only one of two things can be trusted: on the same boot of
// the same machine the monotonic clock says how long nobody counted, whatever became of the wall clock; after a
// reboot the wall clock is all there is, and one that was set back meanwhile lets no time pass at all.
//
// A head, then records of windows, all little endian:
//
//     head      0 u32 version   4 u32 0   8 16 bytes name of the boot   24 i64 monotonic time, ns   32 i64 wall time, ms
//              40 2 × u64 key of the hash   56 u64 number of windows
//
//     window    0 2 × u64 counter   16 i64 duration, ms   24 i64 age, ms   32 i64 current   40 i64 previous
//
// Whoever keeps the records sees to it that they are whole.

import Reactor

/// Windows on their way from one process to the next.
public struct SavedWindows: Sendable {
    private static let version: UInt32 = 1
    private static let headLength = 64
    private static let windowLength = 48
    /// Windows of one record; its owner keeps a checksum for each.
    private static let windowsPerRecord = 16_384
    /// Two clocks that agree to within this have not been set apart.
    private static let toleranceMillis: Int64 = 250

    /// Why records are no saved windows.
    public enum Problem: Error, Sendable, Equatable, CustomStringConvertible {
        case damaged(String)
        case newer(version: Int)

        public var description: String {
            switch self {
            case .damaged(let what): what
            case .newer(let version):
                "format version \(version), this program knows up to \(SavedWindows.version)"
            }
        }
    }

    /// When and where they were saved.
    struct Moment: Sendable {
        /// 16 bytes that are others after each boot; all zero if the system does not say.
        var boot: [UInt8]
        var monotonicNanos: Int64
        var wallMillis: Int64

        static func now(_ time: LimitTime) -> Moment {
            Moment(
                boot: Boot.identifier(), monotonicNanos: Clock.monotonicNanos(), wallMillis: time.wallMillis)
        }
    }

    let seed: CounterSeed
    let moment: Moment
    private var keys: [CounterKey] = []
    /// Each with its age in place of its start.
    private var windows: [SlidingWindow] = []

    public var count: Int { windows.count }

    init(seed: CounterSeed, moment: Moment) {
        self.seed = seed
        self.moment = moment
    }

    mutating func append(_ key: CounterKey, _ window: SlidingWindow, at time: LimitTime) {
        keys.append(key)
        windows.append(
            SlidingWindow(
                durationMillis: window.durationMillis,
                startMillis: max(0, time.steadyMillis - window.startMillis), current: window.current,
                previous: window.previous))
    }

    // MARK: Going on

    /// Each window as it stands at `time`, which is `now`.
    func forEachWindow(at time: LimitTime, _ now: Moment, _ body: (CounterKey, SlidingWindow) -> Void) {
        let away = Self.millis(from: moment, to: now)
        for (key, window) in zip(keys, windows) {
            let (age, overflow) = window.startMillis.addingReportingOverflow(away)
            if overflow { continue }
            body(
                key,
                SlidingWindow(
                    durationMillis: window.durationMillis, startMillis: time.steadyMillis - age,
                    current: window.current, previous: window.previous))
        }
    }

    /// How long nobody counted.
    static func millis(from saved: Moment, to now: Moment) -> Int64 {
        let byWall = max(0, now.wallMillis.subtractingReportingOverflow(saved.wallMillis).partialValue)
        guard saved.boot == now.boot, saved.boot.contains(where: { $0 != 0 }),
            now.monotonicNanos >= saved.monotonicNanos
        else { return byWall }
        let passed = (now.monotonicNanos - saved.monotonicNanos) / 1_000_000
        // Where the two agree, the wall clock's word keeps windows aligned to the millisecond.
        return abs(byWall - passed) <= toleranceMillis ? byWall : passed
    }

    // MARK: The format

    /// The head and the windows, in the order in which they are to be read.
    public func records() -> [[UInt8]] {
        var head: [UInt8] = []
        head.appendLittle(UInt64(Self.version))
        head += moment.boot
        head.appendLittle(UInt64(bitPattern: moment.monotonicNanos))
        head.appendLittle(UInt64(bitPattern: moment.wallMillis))
        head.appendLittle(seed.first)
        head.appendLittle(seed.second)
        head.appendLittle(UInt64(windows.count))
        var records = [head]
        for start in stride(from: 0, to: windows.count, by: Self.windowsPerRecord) {
            let end = min(windows.count, start + Self.windowsPerRecord)
            var record: [UInt8] = []
            record.reserveCapacity((end - start) * Self.windowLength)
            for index in start..<end {
                record.appendLittle(keys[index].high)
                record.appendLittle(keys[index].low)
                for value in [
                    windows[index].durationMillis, windows[index].startMillis, windows[index].current,
                    windows[index].previous,
                ] { record.appendLittle(UInt64(bitPattern: value)) }
            }
            records.append(record)
        }
        return records
    }

    /// What `records` made.
    public init(_ records: [[UInt8]]) throws(Problem) {
        guard let head = records.first, head.count >= 4 else { throw .damaged("there is no head") }
        let found = UInt32(truncatingIfNeeded: head.count < 8 ? 0 : head.little(at: 0))
        if found > Self.version { throw .newer(version: Int(found)) }
        guard found == Self.version, head.count == Self.headLength else {
            throw .damaged("the head is no head")
        }
        self.init(
            seed: CounterSeed(first: head.little(at: 40), second: head.little(at: 48)),
            moment: Moment(
                boot: Array(head[8..<24]), monotonicNanos: Int64(bitPattern: head.little(at: 24)),
                wallMillis: Int64(bitPattern: head.little(at: 32))))
        for record in records.dropFirst() { try append(record) }
        let wanted = head.little(at: 56)
        if UInt64(count) != wanted { throw .damaged("\(count) of \(wanted) windows are there") }
    }

    private mutating func append(_ record: [UInt8]) throws(Problem) {
        guard record.count % Self.windowLength == 0 else {
            throw .damaged("a record of \(record.count) bytes")
        }
        for start in stride(from: 0, to: record.count, by: Self.windowLength) {
            func value(_ offset: Int) -> Int64 { Int64(bitPattern: record.little(at: start + offset)) }
            let window = SlidingWindow(
                durationMillis: value(16), startMillis: value(24), current: value(32), previous: value(40))
            guard window.durationMillis > 0, window.startMillis >= 0, window.current >= 0,
                window.previous >= 0
            else { throw .damaged("window \(count) makes no sense") }
            keys.append(CounterKey(high: record.little(at: start), low: record.little(at: start + 8)))
            windows.append(window)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func appendLittle(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    fileprivate func little(at offset: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<8).reversed() { value = value << 8 | UInt64(self[offset + index]) }
        return value
    }
}
