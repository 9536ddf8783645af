/// Names of the access log's fields, in one place: they are an interface others parse.
enum LogField {
    static let requestID = "requestId"
    static let client = "client"
    static let method = "method"
    static let path = "path"
    static let route = "route"
    static let status = "status"
    static let code = "code"
    /// What a `shadow` route would have refused with.
    static let shadow = "shadow"
    static let keyID = "keyId"
    static let identity = "identity"
    static let tags = "tags"
}
