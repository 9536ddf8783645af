// All cases, by group. The order is that of the tables; names are unique, which a test checks.

public enum Corpus {
    public static let all: [AttackCase] =
        path + target + framing + syntax + alias + hopByHop + forwarded + upgrade + credential

    public static func cases(in groups: [CaseGroup]) -> [AttackCase] {
        groups.isEmpty ? all : all.filter { groups.contains($0.group) }
    }
}
