import JSON
import Testing

@testable import Management

@Suite("Bodies are judged by their schema")
struct SchemaTests {
    struct Row: CustomTestStringConvertible {
        let testDescription: String
        let schema: Schema
        let body: String
        let violations: [SchemaViolation]

        init(_ label: String, _ schema: Schema, _ body: String, _ violations: (String, String)...) {
            testDescription = label
            self.schema = schema
            self.body = body
            self.violations = violations.map { SchemaViolation(location: $0.0, message: $0.1) }
        }
    }

    static let name = Schema.body(.required("name", .string(length: 3...5, of: .any)))
    static let mixed = Schema.body(
        .required("id", .keyId), .optional("count", .integer(1...10)), .optional("on", .boolean),
        .optional("kind", .choice(["a", "b"])), .optional("list", .array(of: .slug, count: 1...2)),
        .optional("gone", .nullable(.integer(0...5))), .optional("meta", .freeObject(maxMembers: 1)))

    static let either = Schema.anyMember(
        ["a", "b"], .body(.optional("a", .boolean), .optional("b", .boolean)))

    static let rows = [
        Row("a string within its bounds", name, #"{"name":"abc"}"#),
        Row("length counts characters, not bytes", name, #"{"name":"äöüßé"}"#),
        Row("too short", name, #"{"name":"ab"}"#, ("/properties/name/minLength", "minLength: got 2, want 3")),
        Row(
            "too long", name, #"{"name":"abcdef"}"#,
            ("/properties/name/maxLength", "maxLength: got 6, want 5")),
        Row("missing", name, "{}", ("/required", "missing property 'name'")),
        Row(
            "null where a string belongs", name, #"{"name":null}"#,
            ("/properties/name/type", "got null, want string")),
        Row("no object", name, "[]", ("/type", "got array, want object")),
        Row(
            "unknown members", name, #"{"name":"abc","x":1,"y":2}"#,
            ("/additionalProperties", "additional properties 'x', 'y' not allowed")),
        Row(
            "unknown members where they are ignored", .body(.optional("a", .boolean), unknown: .ignored),
            #"{"x":1}"#),
        Row("everything optional left out", mixed, #"{"id":"key_1"}"#),
        Row(
            "a pattern", mixed, #"{"id":"key-1"}"#,
            ("/properties/id/pattern", "'key-1' does not match pattern '^[a-zA-Z0-9_]+$'")),
        Row(
            "below a minimum", mixed, #"{"id":"key_1","count":0}"#,
            ("/properties/count/minimum", "minimum: got 0, want 1")),
        Row(
            "above a maximum", mixed, #"{"id":"key_1","count":11}"#,
            ("/properties/count/maximum", "maximum: got 11, want 10")),
        Row(
            "a fraction", mixed, #"{"id":"key_1","count":1.5}"#,
            ("/properties/count/type", "got number, want integer")),
        Row(
            "beyond 64 bits", mixed, #"{"id":"key_1","count":9223372036854775808}"#,
            ("/properties/count/maximum", "maximum: got 9223372036854775808, want 10")),
        Row(
            "beyond 64 bits below zero", mixed, #"{"id":"key_1","count":-9223372036854775809}"#,
            ("/properties/count/minimum", "minimum: got -9223372036854775809, want 1")),
        Row("one of two members", either, #"{"b":true}"#),
        Row("neither of two members", either, "{}", ("/anyOf", "missing property 'a' or 'b'")),
        Row("no object that could have one", either, "[]", ("/type", "got array, want object")),
        Row(
            "text for a boolean", mixed, #"{"id":"key_1","on":"yes"}"#,
            ("/properties/on/type", "got string, want boolean")),
        Row(
            "not among the choices", mixed, #"{"id":"key_1","kind":"c"}"#,
            ("/properties/kind/enum", "value must be one of 'a', 'b'")),
        Row(
            "an empty list", mixed, #"{"id":"key_1","list":[]}"#,
            ("/properties/list/minItems", "minItems: got 0, want 1")),
        Row(
            "a long list", mixed, #"{"id":"key_1","list":["a","b","c"]}"#,
            ("/properties/list/maxItems", "maxItems: got 3, want 2")),
        Row(
            "a bad element", mixed, #"{"id":"key_1","list":["a","b c"]}"#,
            ("/properties/list/items/pattern", #"'b c' does not match pattern '^[a-zA-Z0-9_:\-\.\*]+$'"#)),
        Row("null where it is allowed", mixed, #"{"id":"key_1","gone":null}"#),
        Row(
            "a value where null is allowed too", mixed, #"{"id":"key_1","gone":6}"#,
            ("/properties/gone/maximum", "maximum: got 6, want 5")),
        Row(
            "neither null nor the value", mixed, #"{"id":"key_1","gone":"x"}"#,
            ("/properties/gone/type", "got string, want null or integer")),
        Row("any object within its size", mixed, #"{"id":"key_1","meta":{"a":{"b":[1,2]}}}"#),
        Row(
            "an object with too many members", mixed, #"{"id":"key_1","meta":{"a":1,"b":2}}"#,
            ("/properties/meta/maxProperties", "maxProperties: got 2, want 1")),
        Row(
            "everything wrong is reported at once", mixed, #"{"count":0,"on":1}"#,
            ("/required", "missing property 'id'"),
            ("/properties/count/minimum", "minimum: got 0, want 1"),
            ("/properties/on/type", "got number, want boolean")),
    ]

    @Test("violations name the keyword and say what was found", arguments: rows)
    func violations(_ row: Row) throws {
        #expect(row.schema.violations(in: try JSONValue(parsing: row.body)) == row.violations)
    }

    @Test("a refused body is answered with the route, the place and the reason")
    func envelope() throws {
        let answer = try Sandbox().call("apis.createApi", #"{"name":"ab"}"#)
        #expect(answer.status == 400)
        #expect(
            answer.body.description
                == #"{"meta":{"requestId":"req_test"},"error":{"title":"Bad Request","detail":"POST request body for '/v2/apis.createApi' failed to validate schema","status":400,"type":"https://unkey.com/docs/errors/unkey/application/invalid_input","errors":[{"location":"/properties/name/minLength","message":"minLength: got 2, want 3"}]}}"#
        )
    }

    @Test(
        "a body that is no strict JSON is refused",
        arguments: [
            "", "{", #"{"name":"abc"} x"#, #"{"name":"abc","name":"abd"}"#, #"{"name":"\ud800"}"#,
            #"{"name":NaN}"#,
            String(repeating: "[", count: 100),
        ])
    func malformed(_ body: String) throws {
        try Sandbox().refuses(.invalidInput, "apis.createApi", body)
    }
}
