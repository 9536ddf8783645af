/// The failing disk of `Tests/Support/DiskFaults`, put under a gateway.
struct DiskFaults {
    /// While this file exists everything that the gateway does to its store's files goes wrong.
    private let trigger: String
    /// What the gateway is to be started with.
    let environment: [String: String]

    /// `kind` as `KG_FAULT_KIND` has it.
    init(_ kind: String, in directory: Directory) {
        trigger = directory.file("disk-fails")
        environment = [
            "LD_PRELOAD": Self.library, "KG_FAULT_DIR": directory.file("store"), "KG_FAULT_KIND": kind,
            "KG_FAULT_WHILE": trigger,
        ]
    }

    func begin() throws { try writeFile("", to: trigger) }

    func end() throws {
        guard try runToEnd(["rm", trigger], in: "/").succeeded else {
            throw SocketError.failed("rm \(trigger)", errno: 0)
        }
    }

    private static let library = preloadedLibrary("DiskFaults")
}

/// The path of a library of `Tests/Support`, which is built along with this test bundle.
func preloadedLibrary(_ name: String) -> String {
    for argument in CommandLine.arguments where argument.contains("PackageTests.xctest") {
        guard let slash = argument.lastIndex(of: "/") else { continue }
        let beside = argument[..<slash] + "/lib\(name).so"
        if fileExists(String(beside)) { return String(beside) }
    }
    return Keygate.repository + "/.build/debug/lib\(name).so"
}
