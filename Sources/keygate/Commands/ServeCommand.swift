// `keygate run`: the gateway itself.

import Gateway
import Keys
import Rules

enum ServeCommand {
    static let commands = [
        Command(
            "run",
            summary:
                "Serves. SIGHUP reads the configuration again, SIGTERM finishes what is under way and ends.",
            options: [ConfigurationFile.option], run: run)
    ]

    @Sendable private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let configuration = try ConfigurationFile.load(arguments)
        let certificates = try ConfigurationFile.certificates(configuration)
        for warning in configuration.warnings + certificates.warnings { Console.note("\(warning)") }
        let store: KeyStore
        do throws(StoreFileError) {
            store = try KeyStore.open(configuration.settings.storePath)
        } catch {
            throw .failed("\(error)")
        }
        if let tail = store.report.tornTail { Console.complain("\(tail)") }
        // Balances do not come from it, so nothing stands still for it; but nobody should find out years later.
        if let problem = KeyStore.ledgerProblem(configuration.settings.storePath) {
            Console.complain(
                "\(problem). No balance depends on it; the next compaction lays it aside and begins anew")
        }
        let ending: StoreThread.Ending
        do throws(StartError) {
            ending = try Server.run(
                configuration, certificates, store: store, version: Keygate.version,
                compile: { (path) throws(ConfigurationError) in
                    try Configuration.compile(path: path, reader: .system)
                },
                ready: { listeners, admin in
                    let addresses = listeners.joined(separator: ", ")
                    Console.print(
                        "keygate: listening on \(addresses)" + (admin.map { " (admin \($0))" } ?? ""))
                })
        } catch {
            throw .failed("\(error)")
        }
        let place = configuration.settings.storePath
        switch ending {
        case .inPlace: return .done
        case .rescued(let directory): throw .failed("the store is in \(directory) and not in \(place)")
        case .lost(let reason): throw .failed("the store is lost, \(place) is not there: \(reason)")
        }
    }
}
