// What people and programs see: data on standard output, everything else on standard error.

import Bytes
import Reactor

enum Console {
    /// Data: what the command was asked for.
    static func print(_ text: String) {
        write(text + "\n", to: 1)
    }

    /// What went wrong, or should be known: `keygate: …`.
    static func complain(_ text: String) {
        write("keygate: \(text)\n", to: 2)
    }

    /// Something about the data that is none: a warning, a place in a file.
    static func note(_ text: String) {
        write(text + "\n", to: 2)
    }

    private static func write(_ text: String, to number: Int32) {
        let bytes = Array(text.utf8)
        let descriptor = FileDescriptor(owning: number)
        // Nobody is left to tell when standard output or standard error is gone.
        try? descriptor.writeAll(bytes.span)
        _ = descriptor.release()
    }
}
