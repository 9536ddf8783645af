import Glibc

/// The program under test, and the repository it comes from.
enum Keygate {
    /// `$KEYGATE_BIN`, else the executable built beside this test bundle.
    static let binary: String = {
        if let given = environmentVariable("KEYGATE_BIN"), !given.isEmpty {
            return given.hasPrefix("/") ? given : currentDirectory() + "/" + given
        }
        for argument in CommandLine.arguments where argument.contains("PackageTests.xctest") {
            guard let slash = argument.lastIndex(of: "/") else { continue }
            let beside = argument[..<slash] + "/keygate"
            if fileExists(String(beside)) { return String(beside) }
        }
        return repository + "/.build/debug/keygate"
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
