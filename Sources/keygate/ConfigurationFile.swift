// The file system and the environment as the configuration language reaches them, and what is wrong with a
// configuration, shown.

import Gateway
import Glibc
import Reactor
import Rules

extension SourceReader {
    /// Files of this machine, patterns by glob(3), variables of this process.
    static var system: SourceReader {
        SourceReader(
            read: readFile, glob: matches,
            environment: { name in
                unsafe getenv(name).map { unsafe String(cString: $0) }
            })
    }

    private static func readFile(_ path: String) throws(SourceError) -> [UInt8] {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw SourceError(reason: Errno(code: errno).description) }
        let descriptor = FileDescriptor(owning: number)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe Glibc.read(descriptor.number, &chunk, chunk.count)
            let code = errno
            if count == 0 { return bytes }
            if count > 0 {
                bytes += chunk[..<count]
            } else if code != EINTR {
                throw SourceError(reason: Errno(code: code).description)
            }
        }
    }

    private static func matches(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe Glibc.glob(pattern, 0, nil, &found) == 0, let paths = unsafe found.gl_pathv else {
            return []
        }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe paths[index].map { unsafe String(cString: $0) }
        }
    }
}

/// The directory relative paths start from.
enum WorkingDirectory {
    /// `path` from the root, for a process with another working directory.
    static func absolute(_ path: String) throws(CommandFailure) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = unsafe getcwd(nil, 0) else {
            throw .failed("cannot tell the working directory: \(Errno(code: errno))")
        }
        defer { unsafe free(current) }
        return unsafe String(cString: current) + "/" + path
    }
}

/// The configuration a command works with.
enum ConfigurationFile {
    static let defaultPath = "gateway.conf"
    static let option = Option.value(
        "--config", "-c", as: "FILE", "the configuration; default ./gateway.conf")

    /// Whether a file can be opened at `path`.
    static func exists(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

    /// The configuration named by `-c`, understood completely; its errors become the failure.
    static func load(_ arguments: Arguments) throws(CommandFailure) -> Configuration {
        let path = arguments.value("--config") ?? defaultPath
        do throws(ConfigurationError) {
            return try Configuration.compile(path: path, reader: .system)
        } catch {
            throw .failed("the configuration is refused\n\(error)")
        }
    }

    /// The certificates it names; what is wrong with one becomes the failure.
    static func certificates(_ configuration: Configuration) throws(CommandFailure) -> ListenerCertificates {
        do throws(ConfigurationError) {
            return try ListenerCertificates.load(configuration.settings)
        } catch {
            throw .failed("the configuration is refused\n\(error)")
        }
    }

    /// The store's directory: `--store`, or the one of the configuration.
    static func storeDirectory(_ arguments: Arguments) throws(CommandFailure) -> String {
        if let directory = arguments.value("--store") {
            guard arguments.value("--config") == nil else {
                throw .usage("--store and --config contradict each other")
            }
            return directory
        }
        guard arguments.value("--config") != nil || exists(defaultPath) else {
            throw .usage("which store? give --store DIR or -c FILE; there is no ./\(defaultPath) here")
        }
        do throws(CommandFailure) {
            return try load(arguments).settings.storePath
        } catch {
            let hint = "it says where the store is; --store DIR does without it"
            throw .failed("\(error.message)\n\(hint)")
        }
    }
}
