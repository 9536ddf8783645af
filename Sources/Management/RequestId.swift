// The name of one request of the management API, in the answer and in the log.

public enum RequestId {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// A fresh `req_` and nine letters or digits.
    public static func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let suffix = (0..<9).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] }
        return "req_" + String(decoding: suffix, as: UTF8.self)
    }
}
