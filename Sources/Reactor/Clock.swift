// The two clocks. A loop reads them once a turn; reading costs some twenty nanoseconds.

import CLinux

public enum Clock {
    /// Nanoseconds since some fixed point; never goes back. For deadlines and durations.
    public static func monotonicNanos() -> Int64 { kg_monotonic_nanos() }

    /// Nanoseconds since 1970-01-01 UTC; may jump. For time stamps and expiry.
    public static func realtimeNanos() -> Int64 { kg_realtime_nanos() }
}

/// Randomness of the operating system.
public enum SystemRandom {
    /// Fills an array of `count` unpredictable bytes. Traps if the kernel has none to give: nothing that
    /// needs them can go on.
    public static func bytes(_ count: Int) -> [UInt8] {
        let filled = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let failed = unsafe kg_getrandom(buffer.baseAddress, count)
            precondition(failed == 0, "the kernel gave no random bytes")
            initialized = count
        }
        return filled
    }

    public static func word() -> UInt64 {
        var value: UInt64 = 0
        for byte in bytes(8) { value = value << 8 | UInt64(byte) }
        return value
    }
}
