// What is wrong with a configuration, shown so that it can be mended without opening the manual: the place, the
// line, a caret row, what was expected, what was found and the nearest word that is known.

/// A line of configuration with a run of it marked.
public struct SourceExcerpt: Sendable, Hashable {
    public let location: SourceLocation
    /// The whole line without its end.
    public let line: String
    /// Blank up to the mark: tabs where the line has tabs, so that the caret stands right at any tab width.
    let indent: String
    /// Scalars marked, at least 1.
    let length: Int

    /// The line and its caret row.
    var rows: String {
        "    \(line)\n    \(indent)^\(String(repeating: "~", count: length - 1))"
    }
}

public struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    public enum Severity: String, Sendable { case error, warning }

    /// A second place that explains the first one.
    public struct Note: Sendable, Hashable {
        public let excerpt: SourceExcerpt
        public let message: String
    }

    public let severity: Severity
    /// Nil when it is about a file as a whole, or about something that is missing.
    public let excerpt: SourceExcerpt?
    /// The file, also where there is no excerpt.
    public let file: String
    public let message: String
    public let notes: [Note]

    public init(_ severity: Severity, at excerpt: SourceExcerpt, _ message: String, notes: [Note] = []) {
        self.severity = severity
        self.excerpt = excerpt
        file = excerpt.location.file
        self.message = message
        self.notes = notes
    }

    public init(_ severity: Severity, in file: String, _ message: String) {
        self.severity = severity
        excerpt = nil
        self.file = file
        self.message = message
        notes = []
    }

    /// Several lines without a line end behind the last one.
    public var description: String {
        guard let excerpt else { return "\(file): \(severity.rawValue): \(message)" }
        var text = "\(excerpt.location): \(severity.rawValue): \(message)\n\(excerpt.rows)"
        for note in notes {
            text += "\n\(note.excerpt.location): note: \(note.message)\n\(note.excerpt.rows)"
        }
        return text
    }
}

/// Why a configuration was refused: all the errors that were found, at least one.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    public let diagnostics: [Diagnostic]

    public init(diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
