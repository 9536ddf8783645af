// The names that stand in permissions and answers for this installation as a whole. The dialect knows many
// workspaces; here there is one.

public enum Workspace {
    public static let id = "ws_keygate"

    /// The permission that covers every other one.
    public static let everything = "unkey:v1:\(id):**#*"
}
