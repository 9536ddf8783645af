// What the rest of the process says to an event loop, through its mailbox.

import Rules

/// What a loop can be told.
enum WorkerMessage: Sendable {
    /// Use these rules for requests whose head is not complete yet.
    case reload(Configuration, ListenerCertificates, generation: Int)
    /// The control socket cannot be reached under its path any more: listen there anew.
    case listenAgain(controlSocket: String)
    /// Accept no more, finish what is under way, then end.
    case drain
    /// Another loop has ended: the first one may have waited for that.
    case loopEnded
    /// End now.
    case stop
    /// The answer to a management call of one of its connections.
    case answer(ConnectionTicket, LocalAnswer)
    /// The answer to a request for credits of one of its connections.
    case paid(ConnectionTicket, Payment)
    /// The store's word on what a request has cost, by the number it was asked under.
    case settled(Int, SettlementAnswer)
    /// A server of this upstream may have room for a request that waits, or will be left alone until another time.
    case serverFree(String)
    /// Explain this request to one of its connections.
    case explain(ConnectionTicket, ExplainedRequest, Configuration)
}

/// Names a connection to other threads; stale once the connection is gone.
struct ConnectionTicket: Sendable {
    let index: Int
    let generation: UInt32
    let requestNumber: Int
}
