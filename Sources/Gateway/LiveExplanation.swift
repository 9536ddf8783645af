// `keygate explain` against a running server: the server has the store, so it makes the explanation, by the
// configuration file that the command names.

import Access
import Bytes
import HTTP1
import JSON
import Keys
import Reactor
import Rules

enum LiveExplanation {
    /// `{"config","method","url","headers":[[name,value]…],"key"?,"keyId"?,"ip"}` →
    /// `{"text","allowed"}`. Nil while the store is asked for a key by its id.
    static func answer(_ request: LocalRequest, _ worker: Worker) -> LocalAnswer? {
        guard let parsed = try? JSONValue(parsing: request.body.span), let members = parsed.object,
            let path = members["config"]?.text, let method = members["method"]?.text,
            let url = members["url"]?.text
        else {
            return LocalAnswer(
                .badRequest, .json, ControlEndpoints.error("config, method and url are needed"))
        }
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try worker.shared.compile(path)
        } catch {
            return LocalAnswer(.badRequest, .json, ControlEndpoints.error("\(error)"))
        }
        let headers = (members["headers"]?.elements ?? []).compactMap {
            pair -> (name: String, value: String)? in
            guard let parts = pair.elements, parts.count == 2, let name = parts[0].text,
                let value = parts[1].text
            else { return nil }
            return (name, value)
        }
        let address = members["ip"]?.text.flatMap { IPAddress(parsing: Array($0.utf8).span) }
        var explained = ExplainedRequest(
            method: method, url: url, headers: headers, credential: .none,
            address: address ?? IPAddress(v4: 0x7F00_0001))
        if let key = members["key"]?.text { explained.credential = .key(Array(key.utf8)) }
        guard let id = members["keyId"]?.text else { return finish(explained, configuration, worker) }

        let prepared = explained
        let ticket = request.ticket
        let mailbox = worker.mailbox
        worker.shared.store.submit { (store: inout Transaction) throws(StoreError) -> KeyDigest? in
            store.key(id: id)?.digest
        } completion: { result in
            guard case .success(let digest?) = result else {
                mailbox.post(
                    .answer(
                        ticket, LocalAnswer(.notFound, .json, ControlEndpoints.error("there is no key \(id)"))
                    ))
                return
            }
            var explained = prepared
            explained.credential = .digest(digest)
            mailbox.post(.explain(ticket, explained, configuration))
        }
        return nil
    }

    /// On the loop's thread, whose reader it uses.
    static func finish(_ request: ExplainedRequest, _ configuration: Configuration, _ worker: Worker)
        -> LocalAnswer
    {
        let explanation = Explanation.make(
            request, configuration, worker.reader, worker.shared.rateCounters,
            nowMillis: worker.loop.unixMillis)
        let answer: JSONValue = ["text": .string(explanation.text), "allowed": .bool(explanation.isAllowed)]
        return LocalAnswer(.ok, .json, answer.compactBytes())
    }
}
