// What a root key may do on the management API. Two spellings exist and are equivalent in effect:
//
//     api.*.create_key                                  a tuple: equal or not, `*` is no glob
//     unkey:v1:<workspace>:keyspaces/*/keys/*#read_key  a URN: a path pattern and an action
//
// The question is always "does what the caller holds cover what it asks for", also when the caller grants
// permissions to another root key and both sides are patterns.

import Bytes

public struct RootPermission: Sendable, Hashable, CustomStringConvertible {
    private enum Form: Sendable, Hashable {
        case tuple
        case urn(URN)
    }

    private struct URN: Sendable, Hashable {
        let workspace: [UInt8]
        let path: [Segment]
        /// Nil is `*`.
        let action: [UInt8]?
    }

    private enum Segment: Sendable, Hashable {
        case literal([UInt8])
        /// `*`: exactly one segment.
        case one
        /// `**`, last only: any remainder, also none.
        case rest
    }

    private let text: [UInt8]
    private let form: Form

    public var description: String { String(decoding: text, as: UTF8.self) }

    /// Reads either spelling: whatever starts with `unkey:` is a URN, everything else a tuple.
    public init(parsing text: Span<UInt8>) throws(RootPermissionError) {
        self.text = Array(copying: text)
        let prefix: StaticString = "unkey:"
        if text.count >= 6, ASCII.equals(text.extracting(0..<6), prefix) {
            form = .urn(try Self.parseURN(text))
        } else {
            try Self.validateTuple(text)
            form = .tuple
        }
    }

    /// Whether this is `unkey:v1:<workspace>:**#*`, which covers everything.
    public var isAllPowerful: Bool {
        guard case .urn(let urn) = form else { return false }
        return urn.path == [.rest] && urn.action == nil
    }

    /// Whether this says anything about `workspace`: a URN names one, a tuple is about the one it is used in.
    public func applies(to workspace: String) -> Bool {
        switch form {
        case .tuple: true
        case .urn(let urn): urn.workspace.elementsEqual(workspace.utf8)
        }
    }

    /// Whether holding this permission is enough where `asked` is required. `asked` may itself be a pattern:
    /// then everything it matches has to be matched by this one.
    public func covers(_ asked: RootPermission) -> Bool {
        switch (form, asked.form) {
        case (.tuple, .tuple):
            return text == asked.text
        case (.tuple, .urn):
            return false
        case (.urn, .tuple):
            return isAllPowerful
        case (.urn(let held), .urn(let wanted)):
            guard held.workspace == wanted.workspace else { return false }
            if let action = held.action, action != wanted.action { return false }
            return Self.covers(held.path, wanted.path)
        }
    }

    private static func covers(_ held: [Segment], _ wanted: [Segment]) -> Bool {
        for (index, segment) in held.enumerated() {
            switch segment {
            case .rest:
                return true
            case .one:
                // A `**` on the other side stands for more than one segment can cover.
                guard index < wanted.count, wanted[index] != .rest else { return false }
            case .literal:
                guard index < wanted.count, wanted[index] == segment else { return false }
            }
        }
        return held.count == wanted.count
    }

    /// resource.id.action, each of letters, digits, `_`, `-` or a lone `*` in the place of the id.
    private static func validateTuple(_ text: Span<UInt8>) throws(RootPermissionError) {
        var parts = 1
        var partIsEmpty = true
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                if partIsEmpty { throw .malformedTuple }
                parts += 1
                partIsEmpty = true
            } else if ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "*")
            {
                partIsEmpty = false
            } else {
                throw .malformedTuple
            }
        }
        if parts != 3 || partIsEmpty { throw .malformedTuple }
    }

    /// unkey:v1:<workspace>:<path>#<action>
    private static func parseURN(_ text: Span<UInt8>) throws(RootPermissionError) -> URN {
        guard let version = text.firstOffset(of: UInt8(ascii: ":"), from: 6),
            ASCII.equals(text.extracting(6..<version), "v1")
        else { throw .unknownVersion }
        guard let workspaceEnd = text.firstOffset(of: UInt8(ascii: ":"), from: version + 1),
            workspaceEnd > version + 1,
            let hash = text.firstOffset(of: UInt8(ascii: "#"), from: workspaceEnd + 1)
        else { throw .malformedURN }

        var path: [Segment] = []
        var start = workspaceEnd + 1
        while start <= hash {
            let slash = text.firstOffset(of: UInt8(ascii: "/"), from: start) ?? hash
            let end = min(slash, hash)
            if path.last == .rest { throw .wildcardInsideSegment }
            path.append(try segment(text.extracting(start..<end)))
            start = end + 1
        }

        let actionBytes = text.extracting((hash + 1)..<text.count)
        if ASCII.equals(actionBytes, "*") {
            guard path == [.rest] else { throw .wildcardAction }
            return URN(
                workspace: Array(copying: text.extracting((version + 1)..<workspaceEnd)), path: path,
                action: nil)
        }
        guard PermissionName.isSlug(actionBytes),
            actionBytes.firstOffset(of: UInt8(ascii: "*"), from: 0) == nil
        else { throw .malformedURN }
        return URN(
            workspace: Array(copying: text.extracting((version + 1)..<workspaceEnd)), path: path,
            action: Array(copying: actionBytes))
    }

    private static func segment(_ bytes: Span<UInt8>) throws(RootPermissionError) -> Segment {
        if bytes.isEmpty { throw .malformedURN }
        if ASCII.equals(bytes, "*") { return .one }
        if ASCII.equals(bytes, "**") { return .rest }
        for index in bytes.indices {
            if bytes[index] == UInt8(ascii: "*") { throw .wildcardInsideSegment }
            if !ASCII.isPrintable(bytes[index]) || bytes[index] == 0x20 { throw .malformedURN }
        }
        return .literal(Array(copying: bytes))
    }
}

public enum RootPermissionError: Error, Sendable, CustomStringConvertible {
    case malformedTuple
    case malformedURN
    case unknownVersion
    case wildcardInsideSegment
    case wildcardAction

    public var description: String {
        switch self {
        case .malformedTuple: "expected resource.id.action or unkey:v1:<workspace>:<path>#<action>"
        case .malformedURN: "expected unkey:v1:<workspace>:<path>#<action>"
        case .unknownVersion: "expected version v1 after \"unkey:\""
        case .wildcardInsideSegment: "\"*\" must be a whole path segment, and \"**\" the last one"
        case .wildcardAction: "the action \"*\" is allowed only with the path \"**\""
        }
    }
}

extension Span<UInt8> {
    /// The first offset at or after `start` that holds `byte`.
    func firstOffset(of byte: UInt8, from start: Int) -> Int? {
        var offset = start
        while offset < count {
            if self[offset] == byte { return offset }
            offset += 1
        }
        return nil
    }
}
