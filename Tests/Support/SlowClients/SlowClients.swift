// Clients that take their time: thousands of connections on which requests come a few bytes a second, bodies a
// byte at a time, answers are read slowly, some requests never end, and WebSockets exchange a message now and then.
// They are there for what they do to a gateway that is under load at the same time. Every answer is judged.
//
// Exits with 0 once it is told to end (or the time is up), if nothing went wrong.

import Glibc
import Reactor

@main
struct SlowClients {
    /// Each client acts once a second; so many times in between somebody's second is over.
    private static let turnsPerSecond = 20

    static func main() throws {
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            print(Options.usage)
            exit(2)
        }
        let signals = try Signals()
        let tally = Tally()
        let crowd = options.errands.enumerated().map { SlowClient($1, options.target, number: $0, tally) }
        let began = Clock.monotonicNanos()
        var turn = 0
        var isComplete = false
        while options.seconds.map({ turn < $0 * turnsPerSecond }) ?? true {
            for index in stride(from: turn % turnsPerSecond, to: crowd.count, by: turnsPerSecond) {
                crowd[index].act()
            }
            turn += 1
            if !isComplete, turn >= turnsPerSecond, crowd.allSatisfy(\.isThere) {
                isComplete = true
                say("slow-clients: \(crowd.count) connected")
            }
            if turn % turnsPerSecond == 0, let exchanges = options.exchanges,
                tally.hasDone(exchanges, each: options.errands)
            {
                break
            }
            // A turn that took too long makes the second longer, for everybody alike.
            let due = began + Int64(turn) * 1_000_000_000 / Int64(turnsPerSecond)
            let left = max(0, due - Clock.monotonicNanos())
            if signals.next(milliseconds: Int32(left / 1_000_000)) != nil { break }
        }
        say(tally.summary(options.errands))
        exit(tally.isFlawless ? 0 : 1)
    }

    /// Standard output may be a file that somebody waits for.
    private static func say(_ text: String) {
        print(text)
        fflush(nil)
    }
}
