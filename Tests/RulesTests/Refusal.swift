import Testing

/// One row of the tables of diagnostics: a text and everything that is said about it.
struct Refusal: Sendable, CustomTestStringConvertible {
    let label: String
    let text: String
    let expected: String

    /// `text` stands below the two lines of `Conf.frame`, so its first line is line 3.
    init(_ label: String, _ text: String, _ expected: String) {
        self.label = label
        self.text = Conf.frame + text + "\n"
        self.expected = expected
    }

    init(_ label: String, alone text: String, _ expected: String) {
        self.label = label
        self.text = text
        self.expected = expected
    }

    var testDescription: String { label }

    func verify() { #expect(Conf.refusal(text) == expected) }
}
