// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]
// `ByteBuffer.bytes` returns a span that borrows the buffer, as `Array.span` does; that needs the
// lifetime annotations. Only the module that defines such a property has to ask for them.
let borrows: [SwiftSetting] = swift + [.enableExperimentalFeature("Lifetimes")]
let c: [CSetting] = [.define("_GNU_SOURCE")]

// Modules below, in the order they may depend on each other: never sideways, never up.
let package = Package(
    name: "keygate",
    products: [
        .executable(name: "keygate", targets: ["keygate"]),
        // Preloaded into what tests start: a disk that fails when it is told to.
        .library(name: "DiskFaults", type: .dynamic, targets: ["DiskFaults"]),
        // Likewise: another date.
        .library(name: "ClockShift", type: .dynamic, targets: ["ClockShift"]),
        // Likewise: name servers that do not answer.
        .library(name: "SilentNames", type: .dynamic, targets: ["SilentNames"]),
    ],
    dependencies: [],
    targets: [
        .target(name: "CLinux", cSettings: c),
        .target(name: "CCurl", cSettings: c, linkerSettings: [.linkedLibrary("curl")]),
        // By soname: the library libcurl already brings, without its development package.
        .target(name: "CCrypto", cSettings: c, linkerSettings: [.linkedLibrary(":libcrypto.so.3")]),
        .target(
            name: "CTLS", cSettings: c,
            linkerSettings: [.linkedLibrary(":libssl.so.3"), .linkedLibrary(":libcrypto.so.3")]),

        .target(name: "Bytes", swiftSettings: borrows),
        .target(name: "JSON", dependencies: ["Bytes"], swiftSettings: swift),
        .target(name: "Access", dependencies: ["Bytes"], swiftSettings: swift),
        .target(name: "Analytics", dependencies: ["JSON", "Bytes"], swiftSettings: swift),
        .target(name: "HTTP1", dependencies: ["Bytes"], swiftSettings: swift),
        .target(name: "Reactor", dependencies: ["Bytes", "CLinux"], swiftSettings: swift),
        .target(name: "TLS", dependencies: ["Reactor", "Bytes", "CTLS"], swiftSettings: swift),
        .target(name: "Limits", dependencies: ["Reactor"], swiftSettings: swift),
        .target(name: "Rules", dependencies: ["Access", "Bytes"], swiftSettings: swift),
        .target(name: "Attack", dependencies: ["TLS", "Reactor", "Bytes"], swiftSettings: swift),
        .target(name: "Keys", dependencies: ["Reactor", "Access", "JSON", "Bytes", "CCrypto"], swiftSettings: swift),
        .target(name: "Verification", dependencies: ["Keys", "Limits", "Access", "Bytes"], swiftSettings: swift),
        .target(
            name: "Management",
            dependencies: ["Verification", "Keys", "Limits", "Analytics", "Access", "JSON", "Bytes"],
            swiftSettings: swift),
        .target(name: "Upstream", dependencies: ["Reactor", "HTTP1", "Bytes", "CCurl"], swiftSettings: swift),
        .target(
            name: "Gateway",
            dependencies: [
                "Upstream", "Management", "Verification", "Keys", "Limits", "Analytics", "Rules", "HTTP1", "TLS", "Reactor",
                "Access", "JSON", "Bytes",
            ],
            swiftSettings: swift),
        .executableTarget(
            name: "keygate",
            dependencies: [
                "Gateway", "Attack", "Management", "Keys", "Limits", "Analytics", "Rules", "HTTP1", "TLS", "Reactor",
                "Access", "JSON", "Bytes",
            ],
            swiftSettings: swift),

        .testTarget(name: "BytesTests", dependencies: ["Bytes"], swiftSettings: swift),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "Bytes"], swiftSettings: swift),
        .testTarget(name: "LimitsTests", dependencies: ["Limits", "Reactor"], swiftSettings: swift),
        .testTarget(name: "AccessTests", dependencies: ["Access", "Bytes"], swiftSettings: swift),
        .testTarget(name: "AnalyticsTests", dependencies: ["Analytics", "JSON", "Bytes"], swiftSettings: swift),
        .testTarget(name: "HTTP1Tests", dependencies: ["HTTP1", "Bytes"], swiftSettings: swift),
        .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Bytes", "CLinux"], swiftSettings: swift),
        .testTarget(name: "RulesTests", dependencies: ["Rules", "Access", "Bytes"], swiftSettings: swift),
        // Its certificates are those of the end-to-end tests, its sockets those of the loop's: links to both.
        .testTarget(name: "TLSTests", dependencies: ["TLS", "Reactor", "Bytes", "CLinux"], swiftSettings: swift),
        .testTarget(name: "AttackTests", dependencies: ["Attack", "Reactor", "Bytes"], swiftSettings: swift),
        .testTarget(
            name: "KeysTests", dependencies: ["Keys", "Reactor", "Access", "JSON", "Bytes", "KeysTorture"],
            swiftSettings: swift),
        .testTarget(
            name: "VerificationTests", dependencies: ["Verification", "Keys", "Limits", "Access", "Bytes"],
            swiftSettings: swift),
        .testTarget(
            name: "ManagementTests",
            dependencies: ["Management", "Keys", "Limits", "Analytics", "Access", "JSON", "Bytes"],
            swiftSettings: swift),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Upstream", "Verification", "Keys", "Limits", "Rules", "HTTP1", "Reactor", "Access", "JSON",
                "Bytes",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "UpstreamTests", dependencies: ["Upstream", "Reactor", "HTTP1", "Bytes", "CLinux", "CCurl"],
            swiftSettings: swift),
        .testTarget(
            name: "keygateTests", dependencies: ["keygate", "JSON", "Bytes"], swiftSettings: swift),
        .testTarget(
            name: "EndToEnd",
            dependencies: ["keygate", "Attack", "GatewayTorture", "slow-clients", "JSON", "Bytes"],
            swiftSettings: swift),

        // What tests and benchmarks start, and what they put under it.
        .target(name: "DiskFaults", path: "Tests/Support/DiskFaults", cSettings: c),
        .target(name: "ClockShift", path: "Tests/Support/ClockShift", cSettings: c),
        .target(name: "SilentNames", path: "Tests/Support/SilentNames", cSettings: c),
        .executableTarget(
            name: "KeysTorture", dependencies: ["Keys"], path: "Tests/Support/KeysTorture", swiftSettings: swift),
        // Shares the end-to-end tests' harness: its folder Harness is made of links to it.
        .executableTarget(
            name: "GatewayTorture", path: "Tests/Support/GatewayTorture", swiftSettings: swift),
        .executableTarget(
            name: "AllocationProbe", dependencies: ["Gateway", "Keys", "Rules", "Access", "Bytes"],
            path: "Tests/Support/AllocationProbe", swiftSettings: swift),
        .executableTarget(
            name: "slow-clients", dependencies: ["HTTP1", "Reactor", "Bytes"],
            path: "Tests/Support/SlowClients", swiftSettings: swift),
        .executableTarget(
            name: "store-bench", dependencies: ["Verification", "Keys", "Limits", "Reactor", "Access", "Bytes"],
            path: "Tests/Support/StoreBench", swiftSettings: swift),
        .executableTarget(
            name: "route-bench", dependencies: ["Rules", "Reactor", "Bytes"], path: "Tests/Support/RouteBench",
            swiftSettings: swift),
    ]
)

// Fuzz targets exist only when they are asked for: everything is then instrumented for libFuzzer, and
// nothing else links.
if Context.environment["KEYGATE_FUZZ"] != nil {
    for target in package.targets where target.type == .regular {
        target.swiftSettings?.append(.unsafeFlags(["-sanitize=fuzzer"]))
    }
    package.targets.append(.target(name: "FuzzMain", path: "Tests/Fuzz/FuzzMain"))
    let fuzzed: [(name: String, modules: [Target.Dependency])] = [
        ("HTTP1RequestFuzz", ["HTTP1", "Bytes"]), ("HTTP1TargetFuzz", ["HTTP1", "Bytes"]),
        ("HTTP1ChunkedFuzz", ["HTTP1", "Bytes"]), ("HTTP1ResponseFuzz", ["HTTP1", "Bytes"]),
        ("WebSocketHandshakeFuzz", ["HTTP1", "Bytes"]),
        ("RulesFuzz", ["Rules", "Access", "Bytes"]), ("JSONFuzz", ["JSON", "Bytes"]),
        ("ProxyHeaderFuzz", ["Reactor", "Bytes"]),
        ("JournalFuzz", ["Keys", "Access", "JSON", "Bytes"]), ("SQLFuzz", ["Analytics", "JSON", "Bytes"]),
    ]
    for (name, modules) in fuzzed {
        package.targets.append(
            .executableTarget(
                name: name, dependencies: modules + ["FuzzMain"], path: "Tests/Fuzz/\(name)",
                swiftSettings: swift + [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])],
                linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
    }
}
