// Which boot of which machine this is: times of the monotonic clock can be compared within one boot only.

import Bytes

#if canImport(Glibc)
    import Glibc
#endif

public enum Boot {
    private static let path = "/proc/sys/kernel/random/boot_id"
    /// Eight, four, four, four and twelve hexadecimal digits with a dash between.
    private static let textLength = 36

    /// 16 bytes that differ after each boot; all zero if the system does not say.
    public static func identifier() -> [UInt8] {
        let unknown = [UInt8](repeating: 0, count: 16)
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return unknown }
        let file = FileDescriptor(owning: number)
        let text = unsafe [UInt8](unsafeUninitializedCapacity: textLength) { buffer, initialized in
            initialized = unsafe max(0, read(file.number, buffer.baseAddress, textLength))
        }
        let digits = text.filter { $0 != UInt8(ascii: "-") }
        guard digits.count == 32 else { return unknown }
        return Hex.bytes(digits.span) ?? unknown
    }
}
