// Where the passes of one compilation leave what they found wrong, and the way from a place to its text.

/// The texts of one compilation and what was found wrong with them.
final class Findings {
    private(set) var files: [SourceFile] = []
    private var found: [(diagnostic: Diagnostic, file: Int, offset: Int)] = []
    private(set) var errorCount = 0
    var hasErrors: Bool { errorCount > 0 }

    /// In the order of the text, files in the order they were read.
    var diagnostics: [Diagnostic] {
        found.enumerated().sorted {
            ($0.element.file, $0.element.offset, $0.offset) < ($1.element.file, $1.element.offset, $1.offset)
        }.map(\.element.diagnostic)
    }

    /// The errors alone: beside them, warnings are noise.
    var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }

    private func add(_ diagnostic: Diagnostic, _ place: Place) {
        found.append((diagnostic, place.file, place.range.lowerBound))
    }

    func add(_ file: SourceFile) -> Int {
        files.append(file)
        return files.count - 1
    }

    func excerpt(of place: Place) -> SourceExcerpt { files[place.file].excerpt(of: place.range) }

    /// The text of a place as it stands in the file.
    func text(of place: Place) -> String {
        String(decoding: files[place.file].bytes[place.range], as: UTF8.self)
    }

    func location(of place: Place) -> SourceLocation {
        files[place.file].location(of: place.range.lowerBound)
    }

    func error(_ message: String, at place: Place) {
        errorCount += 1
        add(Diagnostic(.error, at: excerpt(of: place), message), place)
    }

    func error(_ message: String, at place: Place, note: String, at other: Place) {
        errorCount += 1
        let second = Diagnostic.Note(excerpt: excerpt(of: other), message: note)
        add(Diagnostic(.error, at: excerpt(of: place), message, notes: [second]), place)
    }

    func error(_ message: String, inFile file: String) {
        errorCount += 1
        found.append((Diagnostic(.error, in: file, message), 0, 0))
    }

    func warning(_ message: String, at place: Place) {
        add(Diagnostic(.warning, at: excerpt(of: place), message), place)
    }
}
