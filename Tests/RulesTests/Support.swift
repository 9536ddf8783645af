// What the tests of the configuration language share: compiling a text without touching a file.

import Rules

enum Conf {
    /// Enough around a route or a directive to make a file complete.
    static let frame = "listen 127.0.0.1:8080\nupstream api { server http://127.0.0.1:9000 }\n"

    static func reader(
        _ files: [String: String], environment: [String: String] = [:]
    ) -> SourceReader {
        SourceReader(
            read: { path throws(SourceError) in
                guard let text = files[path] else { throw SourceError(reason: "no such file or directory") }
                return Array(text.utf8)
            },
            glob: { pattern in
                let prefix = pattern.prefix { $0 != "*" }
                return files.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
                    .sorted()
            },
            environment: { environment[$0] })
    }

    static func compile(
        _ text: String, files: [String: String] = [:], environment: [String: String] = [:]
    ) throws(ConfigurationError) -> Configuration {
        var all = files
        all["g.conf"] = text
        return try Configuration.compile(path: "g.conf", reader: reader(all, environment: environment))
    }

    /// The diagnostics of a text that is refused; "accepted" if it is not.
    static func refusal(
        _ text: String, files: [String: String] = [:], environment: [String: String] = [:]
    ) -> String {
        do {
            _ = try compile(text, files: files, environment: environment)
            return "accepted"
        } catch {
            return error.description
        }
    }
}
