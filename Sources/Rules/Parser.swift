// From tokens to directives:
//
//     file      := { directive }
//     directive := WORD { WORD } [ "{" { directive } "}" ] ( line end | ";" )
//     check     := "check" { expression token } ( line end | ";" )
//
// `include` is resolved here, so that what follows sees one list of directives. After an error the parser goes
// on with the next directive: a file with three mistakes shows three messages.

struct Parser {
    /// Included files inside of included files.
    private static let maxIncludeDepth = 16
    private static let maxFiles = 1000
    private static let maxBlockDepth = 8

    private let findings: Findings
    private let reader: SourceReader
    private(set) var record = SourceRecord()
    /// The files being read, outermost first.
    private var open: [String] = []

    init(findings: Findings, reader: SourceReader) {
        self.findings = findings
        self.reader = reader
    }

    /// The directives of the file at `path` and of all it includes.
    mutating func parse(path: String) -> [Directive] {
        do {
            return parse(try read(path), path: path, parent: nil)
        } catch {
            findings.error("the configuration cannot be read: \(error.reason)", inFile: path)
            return []
        }
    }

    private mutating func read(_ path: String) throws(SourceError) -> [UInt8] {
        let bytes = try reader.read(path)
        record.files[path] = bytes
        return bytes
    }

    /// `parent` is the directive whose block the text stands in, if it is included in one.
    private mutating func parse(_ bytes: [UInt8], path: String, parent: Word?) -> [Directive] {
        let file = findings.add(SourceFile(path: path, bytes: bytes))
        let environment = reader.environment
        // The lexer asks through a box: a closure cannot write to the parser it is called from.
        let asked = EnvironmentRecord()
        var lexer = Lexer(file: file, findings: findings) { name in
            let value = environment(name)
            asked.answers[name] = .some(value)
            return value
        }
        open.append(path)
        let directives = parseDirectives(&lexer, in: nil, parent: parent, depth: 0)
        open.removeLast()
        record.environment.merge(asked.answers) { _, new in new }
        return directives
    }

    private final class EnvironmentRecord {
        var answers: [String: String?] = [:]
    }

    private mutating func parseDirectives(
        _ lexer: inout Lexer, in opening: Place?, parent: Word?, depth: Int
    ) -> [Directive] {
        var directives: [Directive] = []
        while true {
            switch lexer.next() {
            case .separator:
                continue
            case .close(let place):
                if opening != nil { return directives }
                findings.error("expected a directive, found \"}\" without its \"{\"", at: place)
            case .open(let place):
                findings.error("expected a directive, found \"{\"", at: place)
                _ = parseBlock(&lexer, at: place, of: nil, depth: depth)
            case .end:
                if let opening {
                    findings.error("expected \"}\" for this \"{\", found the end of the file", at: opening)
                }
                return directives
            case .word(let name):
                let (directive, closes) = parseDirective(&lexer, name, parent: parent, depth: depth)
                if let directive {
                    if directive.name.isBare("include"), parent?.isBare("headers") != true {
                        directives += include(directive, parent: parent)
                    } else {
                        directives.append(directive)
                    }
                }
                switch closes {
                case .line: continue
                case .block(let place):
                    if opening != nil { return directives }
                    findings.error("expected a directive, found \"}\" without its \"{\"", at: place)
                case .file:
                    if let opening {
                        findings.error(
                            "expected \"}\" for this \"{\", found the end of the file", at: opening)
                    }
                    return directives
                }
            }
        }
    }

    /// What ended a directive; the last two end more than the directive.
    private enum Closing {
        case line
        case block(Place)
        case file
    }

    private mutating func parseDirective(
        _ lexer: inout Lexer, _ name: Word, parent: Word?, depth: Int
    ) -> (Directive?, Closing) {
        var arguments: [Word] = []
        var expression: [ExpressionToken] = []
        if name.isBare("check"), parent?.isBare("route") == true {
            while let token = lexer.nextInExpression() { expression.append(token) }
        }
        var block: Block?
        /// Words behind the block, reported once.
        var hasSurplus = false
        while true {
            switch lexer.next() {
            case .word(let word):
                if block == nil {
                    arguments.append(word)
                } else if !hasSurplus {
                    hasSurplus = true
                    findings.error(
                        "expected the end of the line after \"}\", found \(word.shown)", at: word.place)
                }
            case .open(let place):
                if block != nil { findings.error("expected the end of the line, found \"{\"", at: place) }
                block = parseBlock(&lexer, at: place, of: name, depth: depth)
            case .separator:
                return (
                    Directive(name: name, arguments: arguments, expression: expression, block: block), .line
                )
            case .close(let place):
                return (
                    Directive(name: name, arguments: arguments, expression: expression, block: block),
                    .block(place)
                )
            case .end:
                return (
                    Directive(name: name, arguments: arguments, expression: expression, block: block), .file
                )
            }
        }
    }

    private mutating func parseBlock(_ lexer: inout Lexer, at place: Place, of name: Word?, depth: Int)
        -> Block
    {
        guard depth < Self.maxBlockDepth else {
            findings.error("blocks are nested more than \(Self.maxBlockDepth) deep", at: place)
            // Nothing behind this can be told apart any more: read to the end without descending.
            while true {
                if case .end = lexer.next() { return Block(directives: [], open: place) }
            }
        }
        let directives = parseDirectives(&lexer, in: place, parent: name, depth: depth + 1)
        return Block(directives: directives, open: place)
    }

    // MARK: include

    /// The directives of the files that `include PATH` names, a relative one from the file that says it.
    private mutating func include(_ directive: Directive, parent: Word?) -> [Directive] {
        guard let word = findings.arguments(directive, 1...1, "include PATH")?.first else { return [] }
        guard !word.text.isEmpty else {
            findings.error("expected a path, found \(word.shown)", at: word.place)
            return []
        }
        let pattern = resolve(word.string, from: open.last ?? "")
        guard open.count < Self.maxIncludeDepth else {
            findings.error("files are included more than \(Self.maxIncludeDepth) deep", at: word.place)
            return []
        }
        var paths = [pattern]
        if pattern.utf8.contains(where: {
            $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[")
        }) {
            paths = reader.glob(pattern)
            record.globs[pattern] = paths
        }
        var directives: [Directive] = []
        for path in paths {
            if open.contains(path) {
                findings.error("\(path) includes itself", at: word.place)
                continue
            }
            guard findings.files.count < Self.maxFiles else {
                findings.error("more than \(Self.maxFiles) files are included", at: word.place)
                return directives
            }
            do {
                directives += parse(try read(path), path: path, parent: parent)
            } catch {
                findings.error("\(path) cannot be read: \(error.reason)", at: word.place)
            }
        }
        return directives
    }

    private func resolve(_ path: String, from file: String) -> String {
        guard path.utf8.first != UInt8(ascii: "/"), let slash = file.utf8.lastIndex(of: UInt8(ascii: "/"))
        else {
            return path
        }
        return String(file[...slash]) + path
    }
}
