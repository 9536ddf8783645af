import JSON
import Testing

@testable import Management

@Suite("apis.*")
struct APITests {
    @Test("an API is made, shown, listed and deleted")
    func lifeCycle() throws {
        let sandbox = try Sandbox()
        let id = try sandbox.createAPI("billing ünï")
        #expect(id.hasPrefix("api_"))
        #expect(
            try sandbox.data("apis.getApi", #"{"apiId":"\#(id)"}"#).description
                == #"{"id":"\#(id)","name":"billing ünï"}"#)
        #expect(try sandbox.data("apis.listApis", "{}").texts("id") == [id])
        #expect(try sandbox.data("apis.deleteApi", #"{"apiId":"\#(id)"}"#) == [:])
        try sandbox.refuses(.apiNotFound, "apis.deleteApi", #"{"apiId":"\#(id)"}"#)
        try sandbox.refuses(.apiNotFound, "apis.getApi", #"{"apiId":"\#(id)"}"#)
        #expect(try sandbox.data("apis.listApis", "{}").elements == [])
    }

    @Test("names need not be unique")
    func sameName() throws {
        let sandbox = try Sandbox()
        #expect(try sandbox.createAPI("twin") != sandbox.createAPI("twin"))
    }

    @Test("a deleted API takes its keys with it")
    func keysOfDeleted() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let key = try sandbox.createKey(in: api)
        try sandbox.data("apis.deleteApi", #"{"apiId":"\#(api)"}"#)
        #expect(try sandbox.verify(key.text).description == #"{"valid":false,"code":"NOT_FOUND"}"#)
        try sandbox.refuses(.keyNotFound, "keys.getKey", #"{"keyId":"\#(key.id)"}"#)
        try sandbox.refuses(.apiNotFound, "keys.createKey", #"{"apiId":"\#(api)"}"#)
        try sandbox.refuses(.apiNotFound, "apis.listKeys", #"{"apiId":"\#(api)"}"#)
    }

    @Test("keys are listed page by page, each once, in a stable order")
    func pages() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        var made: Set<String> = []
        for _ in 0..<7 { made.insert(try sandbox.createKey(in: api).id) }
        var seen: [String] = []
        var cursor = ""
        repeat {
            let page = sandbox.call("apis.listKeys", #"{"apiId":"\#(api)","limit":3\#(cursor)}"#).body
            seen += page["data"]?.texts("keyId") ?? []
            let next = page["pagination"]?["cursor"]?.text
            #expect(page["pagination"]?["hasMore"] == .bool(next != nil))
            cursor = next.map { #","cursor":"\#($0)""# } ?? ""
        } while !cursor.isEmpty
        #expect(seen.count == 7 && Set(seen) == made && seen == seen.sorted())
    }

    @Test("keys can be narrowed to an identity; an unknown one has none")
    func narrowed() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let mine = try sandbox.createKey(in: api, #""externalId":"acme""#)
        _ = try sandbox.createKey(in: api)
        #expect(
            try sandbox.data("apis.listKeys", #"{"apiId":"\#(api)","externalId":"acme"}"#).texts("keyId") == [
                mine.id
            ])
        #expect(
            try sandbox.data("apis.listKeys", #"{"apiId":"\#(api)","externalId":"nobody"}"#).elements == [])
    }

    @Test("keys cannot be decrypted, because they are not there")
    func decrypt() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        try sandbox.refuses(.preconditionFailed, "apis.listKeys", #"{"apiId":"\#(api)","decrypt":true}"#)
    }
}
