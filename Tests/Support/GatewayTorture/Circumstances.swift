// How one life goes: what is configured, what happens to its disk, and how it ends.

/// What goes wrong with the disk.
enum DiskFault: CustomStringConvertible {
    /// The n-th thing that is done to it, and if it is for ever, everything after that.
    case operation(kind: String, at: Int, forEver: Bool)
    /// Everything for a while in the middle of the life; then it is as good as before.
    case outage(kind: String)

    static let kinds = [
        "EIO", "ENOSPC", "EROFS", "tear-EIO", "tear-ENOSPC", "short", "kill", "kill-after", "power",
    ]
    static let outages = ["EIO", "ENOSPC", "EROFS", "EDQUOT"]

    var isOutage: Bool {
        switch self {
        case .operation: false
        case .outage: true
        }
    }

    var description: String {
        switch self {
        case .operation(let kind, let at, let forEver):
            "\(kind) at disk operation \(at)\(forEver ? " and after" : "")"
        case .outage(let kind): "\(kind) for a while"
        }
    }
}

struct Circumstances: CustomStringConvertible {
    enum Ending: String {
        case kill, stop
        /// The disk forgets what was not synced, as when the power fails.
        case power
    }

    /// While this file exists the power is off.
    static let powerSwitch = "power-off"
    /// While this file exists everything that is done to the disk fails, if the life has an outage.
    static let outageSwitch = "disk-off"
    /// Every operation on the disk is written here, if it is recorded.
    static let record = "disk-operations"

    let durability: Durability
    var ending: Ending
    /// The most that a lease takes ahead.
    var largestLease: Int64 = 1000
    var fault: DiskFault?
    /// Days that have gone by since the life before.
    var newDays = 0
    /// A failing disk is recorded in any case.
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
        switch fault {
        case .operation(let kind, let at, let forEver)?:
            settings["KG_FAULT_AT"] = "\(at)"
            settings["KG_FAULT_KIND"] = kind
            settings["KG_FAULT_FOR"] = forEver ? "0" : "1"
        case .outage(let kind)?:
            settings["KG_FAULT_WHILE"] = directory.file(Self.outageSwitch)
            settings["KG_FAULT_KIND"] = kind
        case nil: break
        }
        if ending == .power { settings["KG_FAULT_POWER_WHEN"] = directory.file(Self.powerSwitch) }
        if isRecorded || fault != nil { settings["KG_FAULT_LOG"] = directory.file(Self.record) }
        if settings.isEmpty { return [:] }
        settings["KG_FAULT_DIR"] = directory.file("store")
        settings["KG_FAULT_SEED"] = "\(seed)"
        return settings
    }
}
