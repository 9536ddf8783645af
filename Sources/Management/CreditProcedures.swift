// Credits: keys.updateCredits, and the `credits` member of the procedures that make and change keys.

import JSON
import Keys

enum CreditProcedures {
    static let table = [
        Procedure(
            "keys.updateCredits",
            .body(
                .required("keyId", .string(length: 3...255, of: .any)),
                .required("operation", .choice(["set", "increment", "decrement"])),
                .optional("value", .nullable(.integer(0...Int.max)))),
            run: update)
    ]

    private static func update(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let key = try store.existingKey(call.requiredText("keyId"))
        try call.require(store.requirement("update_key", on: key))
        let operation = call.requiredText("operation")
        let value = call.integer("value")
        if operation != "set" {
            guard value != nil else {
                throw ManagementError(.invalidInput, "the operation \(operation) needs a value")
            }
            guard key.credits != nil else {
                throw ManagementError(
                    .invalidInput, "the key has unlimited credits, which cannot be \(operation)ed")
            }
        }
        let changed = try asking { () throws(StoreError) in
            try store.updateKey(key.reference, .keepsTimestamp) { (record) throws(StoreError) in
                switch (operation, value) {
                case ("set", nil):
                    record.credits = nil
                case ("set", let value?):
                    record.credits = Credits(remaining: value, refill: record.credits?.refill)
                case ("increment", let value?):
                    let (sum, overflowed) = (record.credits?.remaining ?? 0).addingReportingOverflow(value)
                    if overflowed { throw .invalid("the credits would exceed \(Int64.max)") }
                    record.credits?.remaining = sum
                default:
                    let balance = record.credits?.remaining ?? 0
                    record.credits?.remaining = max(0, balance - (value ?? 0))
                }
            }
        }
        return .data(changed.credits?.json ?? ["remaining": .null])
    }
}

extension Call {
    /// The credits of a key that is made now; nil for unlimited ones.
    func newCredits() throws(ManagementError) -> Credits? {
        guard let member = body["credits"], member != .null else { return nil }
        let refill = try Call.refill(member["refill"], refusesDailyDay: false)
        guard let remaining = member["remaining"]?.integer else {
            if refill == nil { return nil }
            throw ManagementError(.invalidInput, "credits.refill needs credits.remaining to be a number")
        }
        return Credits(remaining: Int64(remaining), refill: refill)
    }

    /// Checks a change of credits without making it.
    func checkCreditChange(of credits: Credits?) throws(ManagementError) {
        var copy = credits
        try changeCredits(&copy)
    }

    /// Member by member: absent keeps, null clears, a value replaces. Without `remaining` there is no refill.
    func changeCredits(_ credits: inout Credits?) throws(ManagementError) {
        guard let member = body["credits"] else { return }
        if member == .null {
            credits = nil
            return
        }
        let refill = try Call.refill(member["refill"], refusesDailyDay: true)
        if let remaining = member["remaining"] {
            guard let value = remaining.integer else {
                if refill != nil {
                    throw ManagementError(
                        .invalidInput, "credits.refill needs credits.remaining to be a number")
                }
                credits = nil
                return
            }
            credits = Credits(remaining: Int64(value), refill: credits?.refill)
        }
        guard let wanted = member["refill"] else { return }
        if credits == nil, wanted != .null {
            throw ManagementError(.invalidInput, "credits.refill needs credits.remaining to be a number")
        }
        credits?.refill = refill
    }

    private static func refill(
        _ member: JSONValue?, refusesDailyDay: Bool
    ) throws(ManagementError) -> Credits.Refill? {
        guard let member, member != .null else { return nil }
        let amount = Int64(member["amount"]?.integer ?? 1)
        let day = member["refillDay"]?.integer
        guard member["interval"]?.text == "monthly" else {
            if day != nil, refusesDailyDay {
                throw ManagementError(
                    .invalidInput, "credits.refill.refillDay goes with the interval monthly")
            }
            return Credits.Refill(interval: .daily, amount: amount)
        }
        guard let day else {
            throw ManagementError(
                .invalidInput, "credits.refill.refillDay is needed with the interval monthly")
        }
        return Credits.Refill(interval: .monthly(day: Int(day)), amount: amount)
    }
}
