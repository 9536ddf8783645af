import Glibc

/// The program under test, and the repository it comes from.
enum Keygate {
    /// `$KEYGATE_BIN`, else the executable built along with what runs here.
    static let binary: String = {
        if let given = environmentVariable("KEYGATE_BIN"), !given.isEmpty {
            return given.hasPrefix("/") ? given : currentDirectory() + "/" + given
        }
        return products + "/keygate"
    }()

    /// The folder of what was built: the one with this test bundle, or this program.
    static let products: String = {
        let program = unsafe realpath("/proc/self/exe", nil)
        defer { unsafe free(program) }
        let own = unsafe program.map { unsafe String(cString: $0) }
        for path in CommandLine.arguments.filter({ $0.contains("PackageTests.xctest") }) + [own ?? ""] {
            guard let slash = path.lastIndex(of: "/") else { continue }
            let folder = String(path[..<slash])
            if fileExists(folder + "/keygate") { return folder }
        }
        return repository + "/.build/debug"
    }()

    /// The checkout: the nearest folder above this file that has the sample configuration's neighbours.
    static let repository: String = {
        var folder = String(#filePath)
        if let resolved = unsafe realpath(folder, nil) {
            folder = unsafe String(cString: resolved)
            unsafe free(resolved)
        }
        while let slash = folder.lastIndex(of: "/") {
            folder = String(folder[..<slash])
            if fileExists(folder + "/Package.swift") && fileExists(folder + "/examples") { return folder }
        }
        preconditionFailure("no repository above \(#filePath)")
    }()

    /// Runs one command of the program to its end.
    static func run(
        _ arguments: [String], in directory: String, environment: [String: String] = [:], input: String? = nil
    ) throws -> Finished {
        try runToEnd([binary] + arguments, in: directory, environment: environment, input: input)
    }

    private static func currentDirectory() -> String {
        guard let path = unsafe getcwd(nil, 0) else { return "." }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }
}
