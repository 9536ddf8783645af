// The result of reading a configuration, and the one way to get it: read, parse, check. Nothing that could be
// misunderstood gets past; a configuration that exists is a configuration that can be run.

/// A configuration that was understood completely.
public struct Configuration: Sendable {
    public let settings: Settings
    public let upstreams: [UpstreamGroup]
    /// In the order of the text; `RouteTable` answers with indices into this.
    public let routes: [Route]
    public let table: RouteTable
    /// What the backend is told about the caller, in the order of the text.
    public let injectedHeaders: [InjectedHeader]
    /// Things that are allowed and probably not meant.
    public let warnings: [Diagnostic]
    /// Every permission that a `require` names, in the order of the text.
    public let permissionUses: [PermissionUse]
    /// Every API that an `api` names: those for all routes, then those of routes, in the order of the text.
    public let apiUses: [APIUse]
    /// Path of the file it was read from.
    public let path: String

    private let record: SourceRecord

    init(
        settings: Settings, upstreams: [UpstreamGroup], routes: [Route], table: RouteTable,
        injectedHeaders: [InjectedHeader], warnings: [Diagnostic], permissionUses: [PermissionUse],
        apiUses: [APIUse], path: String,
        record: SourceRecord
    ) {
        self.settings = settings
        self.upstreams = upstreams
        self.routes = routes
        self.table = table
        self.injectedHeaders = injectedHeaders
        self.warnings = warnings
        self.permissionUses = permissionUses
        self.apiUses = apiUses
        self.path = path
        self.record = record
    }

    /// Reads the file at `path` and all it includes. Throws every error found, in the order of the text.
    public static func compile(path: String, reader: SourceReader) throws(ConfigurationError) -> Configuration
    {
        let findings = Findings()
        var parser = Parser(findings: findings, reader: reader)
        let directives = parser.parse(path: path)
        // Half a directive would only lead to complaints about what its other half said.
        if findings.hasErrors { throw ConfigurationError(diagnostics: findings.errors) }

        var checker = Checker(findings: findings, path: path)
        let checked = checker.check(directives)
        guard let checked else { throw ConfigurationError(diagnostics: findings.errors) }
        return Configuration(
            settings: checked.settings, upstreams: checked.upstreams, routes: checked.routes,
            table: checked.table,
            injectedHeaders: checked.injectedHeaders, warnings: findings.diagnostics,
            permissionUses: checked.permissionUses, apiUses: checked.apiUses, path: path,
            record: parser.record)
    }

    /// The same configuration, compiled anew from what was read for this one: no file and no variable is asked
    /// again, and no memory is shared with this one. One for each event loop keeps reference counts, which
    /// threads would otherwise fight over, at home.
    public func recompiled() -> Configuration {
        let samePath = String(decoding: Array(path.utf8), as: UTF8.self)
        do {
            return try Configuration.compile(path: samePath, reader: record.replaying)
        } catch {
            preconditionFailure("a configuration that compiled once does not compile again:\n\(error)")
        }
    }
}
