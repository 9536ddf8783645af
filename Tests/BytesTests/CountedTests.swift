import Bytes
import Testing

@Suite("counted") struct CountedTests {
    @Test(
        "one is one, and none are many",
        arguments: [(0, "0 keys"), (1, "1 key"), (2, "2 keys"), (-1, "-1 keys")])
    func regular(_ count: Int, _ text: String) { #expect(count.counted("key") == text) }

    @Test("a noun may have a plural of its own") func irregular() {
        #expect(UInt8(1).counted("identity", plural: "identities") == "1 identity")
        #expect(UInt8(2).counted("identity", plural: "identities") == "2 identities")
    }
}
