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
    dependencies: [],
    targets: [
        .target(name: "CLinux", cSettings: c),
        .target(name: "Bytes", swiftSettings: borrows),
    ]
)
