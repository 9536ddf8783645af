import Keys
import Testing

@Suite("WebSocket accept") struct WebSocketAcceptTests {
    /// RFC 6455 §1.3; the others by `openssl sha1 -binary | base64`.
    @Test(
        "a key has the answer that others compute",
        arguments: [
            ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
            ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        ])
    func value(_ key: String, _ accept: String) {
        #expect(WebSocketAccept.value(for: Array(key.utf8).span) == Array(accept.utf8))
    }
}
