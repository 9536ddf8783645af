// How one life goes: what is configured, what happens to its disk, and how it ends.

/// The n-th thing that is done to the disk goes wrong.
struct DiskFault: CustomStringConvertible {
    static let kinds = [
        "EIO", "ENOSPC", "EROFS", "tear-EIO", "tear-ENOSPC", "short", "kill", "kill-after", "power",
    ]

    let kind: String
    let at: Int
    /// And everything after it.
    let forEver: Bool

    var description: String { "\(kind) at disk operation \(at)\(forEver ? " and after" : "")" }
}

struct Circumstances: CustomStringConvertible {
    enum Ending: String {
        case kill, stop
        /// The disk forgets what was not synced, as when the power fails.
        case power
    }

    /// While this file exists the power is off.
    static let powerSwitch = "power-off"
    /// Every operation on the disk is written here, if it is recorded.
    static let record = "disk-operations"

    let durability: Durability
    var ending: Ending
    /// The most that a lease takes ahead.
    var largestLease: Int64 = 1000
    var fault: DiskFault?
    /// Days that have gone by since the life before.
    var newDays = 0
    var isRecorded = false

    var description: String {
        let fault = fault.map { ", \($0)" } ?? ""
        let days = newDays > 0 ? ", \(newDays) days later" : ""
        let lease = durability == .lease ? " of \(largestLease)" : ""
        return "\(durability.rawValue)\(lease), \(ending.rawValue)\(fault)\(days)"
    }

    /// What each key may lose when it does not end in order. When the disk fails, a lease that could not be
    /// acknowledged may be written down beside the one that was.
    var mostLost: Int64 {
        switch durability {
        case .exact: 0
        case .lease: largestLease * (fault == nil ? 1 : 2)
        }
    }

    func configuration(_ backend: Backend) -> String {
        """
        listen 127.0.0.1:0
        admin 127.0.0.1:0
        store ./store
        workers 2
        access-log off
        credit-durability \(durability.rawValue)
        credit-lease-max \(largestLease)
        upstream backend { server \(backend.url) }
        route GET /cheap/** { authenticated }
        route POST /dear/** { authenticated; cost 5 }
        route GET /free/** { authenticated; cost 0 }
        route GET /metered/** {
            authenticated
            cost reserve=\(Price.reserve) from-response-header=\(Backend.costField) max=\(Price.most)
        }
        \(Victim.Kind.allCases.map(\.route).joined(separator: "\n"))

        """
    }

    /// What `DiskFaults` is told; nothing if it is not needed.
    func faultSettings(in directory: Directory, seed: Int) -> [String: String] {
        var settings: [String: String] = [:]
        if let fault {
            settings["KG_FAULT_AT"] = "\(fault.at)"
            settings["KG_FAULT_KIND"] = fault.kind
            settings["KG_FAULT_FOR"] = fault.forEver ? "0" : "1"
        }
        if ending == .power { settings["KG_FAULT_POWER_WHEN"] = directory.file(Self.powerSwitch) }
        if isRecorded { settings["KG_FAULT_LOG"] = directory.file(Self.record) }
        if settings.isEmpty { return [:] }
        settings["KG_FAULT_DIR"] = directory.file("store")
        settings["KG_FAULT_SEED"] = "\(seed)"
        return settings
    }
}
