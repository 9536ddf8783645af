// The error of a system call, as a value.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// An `errno` value. Typed, so that a failed system call cannot be mistaken for anything else.
public struct Errno: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    public let code: Int32

    public init(code: Int32) { self.code = code }

    public static let addressInUse = Errno(code: EADDRINUSE)
    public static let permissionDenied = Errno(code: EACCES)
    public static let noSuchFile = Errno(code: ENOENT)
    public static let connectionRefused = Errno(code: ECONNREFUSED)
    public static let noSpace = Errno(code: ENOSPC)
    public static let notSupported = Errno(code: EOPNOTSUPP)
    public static let inputOutput = Errno(code: EIO)
    public static let tooManyOpenFiles = Errno(code: EMFILE)
    public static let tooManyOpenFilesInSystem = Errno(code: ENFILE)
    public static let connectionAborted = Errno(code: ECONNABORTED)

    /// The C library's words for it, lower case: `no such file or directory`.
    public var description: String {
        guard let words = unsafe kg_strerror(code) else { return "error \(code)" }
        let text = unsafe String(cString: words)
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
