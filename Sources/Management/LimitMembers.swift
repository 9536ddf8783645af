// The `ratelimits` member of the procedures that make and change keys and identities.

import JSON
import Keys

/// Whether a list may name a limit twice.
enum RepeatedLimits {
    /// The last one counts.
    case lastWins
    case areRefused
}

extension Call {
    /// The limits that the body asks for; nil if it says nothing about them. Null and an empty list ask for none.
    func limits(_ repeated: RepeatedLimits = .lastWins) throws(ManagementError) -> [RateLimitRule]? {
        guard let member = body["ratelimits"] else { return nil }
        let rules = (member.elements ?? []).map { item in
            RateLimitRule(
                name: item["name"]?.text ?? "", limit: item.int64("limit"),
                durationMillis: item.int64("duration"), appliesAutomatically: item["autoApply"]?.bool ?? false
            )
        }
        switch repeated {
        case .lastWins: break
        case .areRefused:
            var names: Set<String> = []
            for rule in rules where !names.insert(rule.name).inserted {
                throw ManagementError(.invalidInput, "the rate limit '\(rule.name)' is there twice")
            }
        }
        return rules
    }
}

extension JSONValue {
    /// A number that the schema requires.
    func int64(_ name: String) -> Int64 {
        guard let integer = self[name]?.integer else {
            preconditionFailure("the schema requires \(name) to be an integer")
        }
        return Int64(integer)
    }
}
