// workspace.*: figures about the installation as a whole. Nothing here is metered or sold, so limits are
// either absent (null) or what the server really keeps, and there is no computing to account for.

import Analytics
import JSON
import Keys

enum WorkspaceProcedures {
    private static let period = Schema.body(
        .required("year", .integer(1970...9999)), .required("month", .integer(1...12)))

    static let table = [
        Procedure("workspace.getLimits", .object([], .refused), run: limits),
        Procedure("workspace.getUsage", .body(.optional("period", period)), run: usage),
    ]

    private static func limits(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.figures("limits"))
        let month = UsageMonth(containing: call.nowMillis)
        let verifications = call.services.events?.usage(in: month).verifications ?? 0
        return .data([
            "apiBillableOperationsCountMaxPerMonth": ["limit": .null, "current": .number(verifications)],
            "apiRequestsCountMaxPerMinute": ["limit": .null],
            "logsRetentionDaysMax": ["limit": .number(EventLog.retentionDays)],
            "logsAuditRetentionDaysMax": ["limit": 0], "logdrainsMax": ["limit": 0],
        ])
    }

    private static func usage(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.figures("usage"))
        let month = try call.usageMonth()
        let usage = call.services.events?.usage(in: month) ?? MonthlyUsage()
        return .data([
            "period": ["start": .number(Int(month.startMillis)), "end": .number(Int(month.endMillis))],
            "totals": [
                "api": ["verifications": .number(usage.verifications), "ratelimits": 0],
                "compute": ["cpuSeconds": 0, "memoryGiBHours": 0, "storageGiBHours": 0, "egressGiB": 0],
                "gateway": ["activeKeys": .number(usage.activeGatewayKeys)],
            ],
            "breakdowns": ["byEnvironment": [], "byApp": []],
        ])
    }
}

extension Call {
    /// The month that is asked about; without one the current month.
    fileprivate func usageMonth() throws(ManagementError) -> UsageMonth {
        guard let year = body["period"]?["year"]?.integer, let number = body["period"]?["month"]?.integer
        else {
            return UsageMonth(containing: nowMillis)
        }
        let month = UsageMonth(year: year, month: number)
        guard month.startMillis <= nowMillis else {
            throw ManagementError(.invalidInput, "the period lies in the future")
        }
        guard month.startMillis >= nowMillis - EventLog.retentionMillis else {
            throw ManagementError(
                .invalidInput, "the period must start within the last \(EventLog.retentionDays) days")
        }
        return month
    }
}
