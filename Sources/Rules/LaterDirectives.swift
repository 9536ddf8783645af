// Directives of a route that belong to the language but are not carried out yet. Their grammar is checked, so
// that a file written for them is known to be right, and then they are refused: a limit that is silently not
// enforced is worse than none.

enum LaterDirectives {
    static func check(_ directive: Directive, _ findings: Findings) {
        if findings.arguments(directive, 0...0, "nothing after \(directive.name.shown)") != nil {
            findings.notYetAvailable(directive.name)
        }
    }
}
