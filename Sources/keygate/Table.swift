// Tables for people: columns as wide as their widest cell, two spaces apart, no lines.

enum Table {
    /// The rows under a heading; "none" for no rows at all.
    static func text(_ heading: [String], _ rows: [[String]]) -> String {
        rows.isEmpty ? "none" : aligned([heading] + rows).joined(separator: "\n")
    }

    /// Names and values, one a line.
    static func fields(_ rows: [(String, String)]) -> String {
        aligned(rows.map { [$0.0, $0.1] }).joined(separator: "\n")
    }

    /// One line a row, cells padded to the width of their column, without trailing spaces.
    static func aligned(_ rows: [[String]]) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 {
                    line += String(repeating: " ", count: widths[column] - cell.count + 2)
                }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
