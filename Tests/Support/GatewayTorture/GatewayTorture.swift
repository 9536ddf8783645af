// Many clients and operators use a gateway that is killed again and again, loses its power, and whose disk fails.
// What each of them was told is held against what the store shows afterwards, and against what the others were told.
//
// Exits with 0 if nothing was violated, with 1 and the evidence if something was.

import Glibc

@main
struct GatewayTorture {
    static func main() {
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            say(Options.usage)
            exit(2)
        }
        for file in [Keygate.binary, Beside.clockShift, Beside.diskFaults] where !fileExists(file) {
            say("\(file) is missing: swift build --build-tests makes it")
            exit(2)
        }
        let report = Report(seed: options.seed)
        say("seed           \(options.seed)")
        let began = monotonicMilliseconds()
        do {
            try Run(options, report).run()
        } catch {
            report.violation("the run could not go on: \(error)")
        }
        say("seconds        \((monotonicMilliseconds() - began) / 1000)")
        say(report.summary)
        exit(report.counts.violations == 0 ? 0 : 1)
    }
}

/// Libraries that are preloaded into the gateway.
enum Beside {
    static let clockShift = Keygate.products + "/libClockShift.so"
    static let diskFaults = Keygate.products + "/libDiskFaults.so"
}
