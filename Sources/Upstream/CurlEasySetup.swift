// What is set on an easy handle once, when it is made. Everything here closes a door that libcurl leaves
// open by default; per request only target, method, headers and body size change.

import CCurl

#if canImport(Glibc)
    import Glibc
#endif

extension CurlMulti {
    /// Sets the options that stay for the life of a handle.
    func configure(_ transfer: Transfer, _ server: UpstreamOrigin) {
        let easy = unsafe transfer.easy
        let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        let owner = unsafe Unmanaged.passUnretained(self).toOpaque()

        // Handed over in parts: a text would be parsed and put together again for every request.
        if unsafe transfer.url == nil { unsafe transfer.url = kg_url_parse(server.origin + "/") }
        precondition(
            unsafe transfer.url != nil, "the configuration checked \(server.origin) and it is no URL")
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(transfer.url))
        // The path on the wire is the path that was authorised: no dot segment is resolved, no redirect
        // followed, no proxy asked, no password file read.
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_PATH_AS_IS, 1)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        _ = unsafe kg_easy_setopt_string(easy, CURLOPT_PROXY, "")
        _ = unsafe kg_easy_setopt_string(easy, CURLOPT_NOPROXY, "*")
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_NETRC, 0)
        _ = unsafe kg_easy_setopt_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_HTTP_VERSION, KG_HTTP_1_1)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_HTTP09_ALLOWED, 0)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_NOSIGNAL, 1)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_NOPROGRESS, 1)
        // The client's Expect is passed on; a backend that ignores it is waited for this long, as RFC 9110
        // §10.1.1 leaves it to the sender.
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 1000)
        // Error statuses are answers like any other, and do not end an upload.
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_FAILONERROR, 0)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_KEEP_SENDING_ON_ERROR, 0)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_TCP_NODELAY, 1)
        // Names are looked up by a thread of libcurl's. The system does not say how long what it finds is good for.
        if server.isNamed {
            let seconds = server.nameLifetimeSeconds
            _ = unsafe kg_easy_setopt_long(easy, CURLOPT_DNS_CACHE_TIMEOUT, seconds)
            _ = unsafe kg_easy_setopt_long(easy, CURLOPT_MAXLIFETIME_CONN, seconds)
        }
        // A transfer that ends while its name is being looked up must not wait for the thread that does it: the
        // whole loop would.
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_QUICK_EXIT, 1)
        if let path = server.unixPath {
            _ = unsafe kg_easy_setopt_string(easy, CURLOPT_UNIX_SOCKET_PATH, path)
        }
        if let file = server.certificateAuthorityFile {
            _ = unsafe kg_easy_setopt_string(easy, CURLOPT_CAINFO, file)
        }
        if let client = server.clientCertificate {
            _ = unsafe kg_easy_setopt_string(easy, CURLOPT_SSLCERT, client.certificateFile)
            _ = unsafe kg_easy_setopt_string(easy, CURLOPT_SSLKEY, client.keyFile)
        }
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_SSL_VERIFYHOST, 2)

        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_PRIVATE, context)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_HEADERDATA, context)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_WRITEDATA, context)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_READDATA, context)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_PREREQDATA, context)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_TRAILERDATA, context)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_OPENSOCKETDATA, owner)
        _ = unsafe kg_easy_setopt_pointer(easy, CURLOPT_CLOSESOCKETDATA, owner)

        _ = unsafe kg_easy_setopt_data(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            let transfer = unsafe Transfer.from(context)
            let length = size * count
            let line = unsafe UnsafeBufferPointer(
                start: UnsafeRawPointer(data)?.assumingMemoryBound(to: UInt8.self), count: length)
            return unsafe transfer.receiveLine(line.span) ? length : 0
        }
        _ = unsafe kg_easy_setopt_data(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            let transfer = unsafe Transfer.from(context)
            let bytes = unsafe UnsafeBufferPointer(
                start: UnsafeRawPointer(data)?.assumingMemoryBound(to: UInt8.self), count: size * count)
            return unsafe transfer.receiveBody(bytes.span)
        }
        _ = unsafe kg_easy_setopt_data(easy, CURLOPT_READFUNCTION) { room, size, count, context in
            let transfer = unsafe Transfer.from(context)
            return unsafe transfer.supplyBody(UnsafeMutableRawBufferPointer(start: room, count: size * count))
        }
        _ = unsafe kg_easy_setopt_prerequest(easy) { context, _, _, _, _ in
            unsafe Transfer.from(context).mayStart() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        }
        _ = unsafe kg_easy_setopt_opensocket(easy) { context, _, address in
            let multi = unsafe Unmanaged<CurlMulti>.fromOpaque(context.unsafelyUnwrapped)
                .takeUnretainedValue()
            let number = unsafe kg_open_upstream_socket(address)
            if number >= 0, !multi.socketOpened(number) {
                _ = close(number)
                return -1
            }
            return number
        }
        _ = unsafe kg_easy_setopt_closesocket(easy) { context, number in
            let multi = unsafe Unmanaged<CurlMulti>.fromOpaque(context.unsafelyUnwrapped)
                .takeUnretainedValue()
            multi.socketClosing(number)
            return 0
        }
    }
}

extension Transfer {
    /// The transfer behind a context pointer that `configure` gave to libcurl.
    @unsafe static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        unsafe Unmanaged<Transfer>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    /// Trailers go into a list that libcurl frees, so this one is allocated; requests that have some are rare.
    @unsafe func supplyTrailers(_ list: UnsafeMutablePointer<UnsafeMutablePointer<curl_slist>?>?) -> Int32 {
        guard let list = unsafe list else { return CURL_TRAILERFUNC_ABORT }
        var line = unsafe requestTrailers.seal()
        while let node = unsafe line {
            guard let grown = unsafe curl_slist_append(list.pointee, node.pointee.data) else {
                return CURL_TRAILERFUNC_ABORT
            }
            unsafe list.pointee = grown
            unsafe line = node.pointee.next
        }
        return CURL_TRAILERFUNC_OK
    }
}
