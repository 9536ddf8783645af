import Access
import Bytes
import Testing

@Suite("Permission names")
struct PermissionNameTests {
    @Test(
        "that may be stored",
        arguments: [
            ("a", true), ("docs.read", true), ("A_b:c-d.*", true), (String(repeating: "x", count: 128), true),
            ("", false), (String(repeating: "x", count: 129), false), ("a/b", false), ("a b", false),
            ("a,b", false),
            ("\u{e9}", false), ("a\u{0}", false),
        ])
    func slugs(_ text: String, _ isSlug: Bool) {
        let bytes = Array(text.utf8)
        #expect(PermissionName.isSlug(bytes.span) == isSlug)
    }

    @Test("are equal byte for byte") func equality() {
        let names = ["docs.read", "docs.Read", "docs.rea", "docs.readd"].map {
            let bytes = Array($0.utf8)
            return PermissionName(bytes.span)
        }
        #expect(Set(names).count == 4)
        let again = Array("docs.read".utf8)
        #expect(PermissionName(again.span) == names[0])
        #expect(PermissionName.fingerprint(of: again.span) == names[0].fingerprint)
    }
}
