// What there is to know of a tunnel beside the bytes in its buffers: where its frames are, who has ended, and why.

import HTTP1

/// Why a tunnel is over.
enum TunnelEnd {
    /// The client ended, or left.
    case client
    /// The backend ended.
    case upstream
    /// The connection to the backend broke.
    case failed
    /// Nothing passed for too long.
    case idle
    /// Its key would not be let through any more.
    case revoked
    /// The gateway drains.
    case draining
    /// The gateway has ended, with the tunnel still in the middle of a frame.
    case stopped

    /// As the access log calls it.
    var word: StaticString {
        switch self {
        case .client: "client"
        case .upstream: "upstream"
        case .failed: "upstream_failed"
        case .idle: "idle"
        case .revoked: "revoked"
        case .draining: "draining"
        case .stopped: "stopped"
        }
    }

    /// What the client is told, where it is for us to tell it (RFC 6455 §7.4.1): it may come back, or may not.
    var closeCode: Int? {
        switch self {
        case .idle, .draining: 1001
        case .revoked: 1008
        case .client, .upstream, .failed, .stopped: nil
        }
    }
}

struct TunnelProgress {
    /// The frames that the client has been given so far.
    var framesToClient = FrameBoundary()
    /// No more comes from the client, and the backend has been told so.
    var hasClientEnded = false
    /// All of it has gone out; the backend has the last words.
    var awaitsLastWords = false
    /// Nobody is left to write to.
    var hasLostClient = false
    /// The tunnel ends at the next boundary of frames.
    var endsAtBoundary = false
    /// What the client was told at the end; 0 if nothing.
    var closeCode = 0
}
