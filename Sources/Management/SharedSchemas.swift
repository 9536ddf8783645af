// The shapes that several procedures share, with the bounds the published API documents.

extension Schema {
    /// 4102444800000 is 2100-01-01T00:00:00Z, the last instant the API accepts.
    static let instant = Schema.integer(0...4_102_444_800_000)
    static let keyId = Schema.string(length: 3...255, of: .word)
    static let apiId = Schema.string(length: 3...255, of: .word)
    static let externalId = Schema.string(length: 1...255, of: .externalId)
    static let slug = Schema.string(length: 1...128, of: .slug)
    static let roleName = Schema.string(length: 1...128, of: .any)
    static let meta = Schema.freeObject(maxMembers: 100)
    static let slugs = Schema.array(of: slug, count: 0...1_000)
    /// Where the published schema knows no bound; that of the body remains.
    static let anySlugs = Schema.array(of: slug, count: unbounded)
    static let roleNames = Schema.array(of: roleName, count: 0...100)
    static let description = Schema.string(length: 0...512, of: .any)
    static let keyName = Schema.string(length: 1...255, of: .any)
    /// An id or a name of the caller's choosing; what it refers to is found by looking it up.
    static let reference = Schema.string(length: 1...Int.max, of: .any)
    static let anyText = Schema.string(length: unbounded, of: .any)

    /// Addresses and networks that a key may be used from. The API that we speak has none; see
    /// `Procedure.operatorFields`.
    static let allowedNetworks = Field.optional(
        "allowedNetworks", .array(of: .string(length: 1...64, of: .any), count: 0...1_000))

    static let ratelimits = Schema.array(
        of: .object(
            [
                .required("name", .string(length: 3...128, of: .any)),
                .required("limit", .integer(1...Int.max)),
                .required("duration", .integer(1_000...Int.max)), .required("autoApply", .boolean),
            ], .ignored),
        count: 0...50)

    private static let refill = Schema.object(
        [
            .required("interval", .choice(["daily", "monthly"])), .required("amount", .integer(1...Int.max)),
            .optional("refillDay", .integer(1...31)),
        ], .refused)

    static let newCredits = Schema.object(
        [.required("remaining", .nullable(.integer(0...Int.max))), .optional("refill", refill)], .refused)

    static let changedCredits = Schema.object(
        [
            .optional("remaining", .nullable(.integer(0...Int.max))), .optional("refill", .nullable(refill)),
        ], .refused)

    /// The members every list procedure takes.
    static let page: [Field] = [
        .optional("limit", .integer(1...100)), .optional("cursor", .string(length: unbounded, of: .any)),
    ]
    private static let search = Field.optional("search", .string(length: 0...256, of: .any))
    static let searchablePage: [Field] = page + [search]
    /// Roles and permissions bound the cursor too.
    static let rbacPage: [Field] = [
        page[0], .optional("cursor", .string(length: 0...1_024, of: .any)), search,
    ]

    static func body(_ fields: Field..., unknown: Unknown = .refused) -> Schema { .object(fields, unknown) }
}
