// How long it takes until what was taken away is gone, measured on every call that can take something away: from the
// moment a loop has accepted the call to the moment the change governs every loop, just before it is answered.
//
// Why a request that begins after the answer cannot pass by what was taken away, on whatever loop:
//
// 1. There is one copy of the store's tables, and a loop keeps nothing of it beyond a turn. Each request looks its key
//    up anew (`Admission.authenticate`), and permissions, roles and identities are resolved through the tables at that
//    moment (`KeyView`). There is no cache to be stale.
// 2. The store's thread publishes with releasing stores after the journal is on the disk (`KeyStore.commit`), and only
//    then calls the completions (`StoreThread.commit`), so the answer is posted, written and read after every one of
//    those stores.
// 3. The client sends its next request after it has read the answer. A loop that reads that request does so after the
//    stores of step 2, through two system calls on each side, and looks up with acquiring loads: it sees them.
// 4. What is published is never half a record: a block is written whole before its address is stored (`BlockIndex`,
//    `PagedTable`), and several records of one call are all stored before step 2 ends.
//
// A loop that was in the middle of a request at that moment may still let that one through: it began before. If it
// runs for long, `Recheck` ends it.

import Management
import Reactor

enum Revocations {
    /// Calls after which somebody may be able to do less than before.
    static let procedures: Set<String> = [
        "apis.deleteApi", "identities.deleteIdentity", "identities.updateIdentity", "keys.deleteKey",
        "keys.removePermissions", "keys.removeRoles", "keys.rerollKey", "keys.setPermissions",
        "keys.setRoles",
        "keys.updateKey", "permissions.deletePermission", "permissions.deleteRole",
        "permissions.setRolePermissions", "rootKeys.deleteKey", "rootKeys.rerollKey", "rootKeys.updateKey",
    ]

    /// When the call was accepted, if it is one of those; monotonic.
    static func begin(_ procedure: String) -> Int64? {
        procedures.contains(procedure) ? Clock.monotonicNanos() : nil
    }
}
