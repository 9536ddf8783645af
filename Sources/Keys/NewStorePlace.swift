// The place of a store that is being made from something else: nothing is there until everything is.

import Bytes
import Reactor

/// A directory that a whole store will take the place of. It must be empty or not exist.
struct NewStorePlace {
    let directory: String
    /// Where the store is made, beside its place and on the same device.
    let draft: String
    private let disk: Disk

    /// Begins with an empty draft. `action` is what is being done to `directory`, for errors.
    init(_ directory: String, for action: String, _ disk: Disk = Disk()) throws(StoreFileError) {
        self.directory = Disk.sibling(of: directory, "")
        draft = Disk.sibling(of: directory, ".new")
        self.disk = disk
        if try disk.exists(directory) {
            try StoreLock.checkFree(directory: directory)
            if try !disk.names(in: directory).isEmpty {
                throw .system(action: action, path: directory, reason: "the directory is not empty")
            }
        }
        // What an interrupted attempt has left.
        try disk.removeTree(draft)
        try disk.createDirectory(draft)
    }

    /// Checks the draft as the next start would, and gives it its name: a crash leaves the one or the other.
    func moveIn() throws(StoreFileError) {
        if let problem = KeyStore.verify(draft).openingProblem { throw problem }
        try disk.syncDirectory(draft)
        // Takes the place of an empty directory, and of nothing else.
        try disk.rename(draft, to: directory)
        try disk.syncDirectory(Disk.parent(of: directory))
    }

    func abandon() throws(StoreFileError) { try disk.removeTree(draft) }
}
