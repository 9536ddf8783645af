// Messages between threads: all of them, in order, and a loop that sleeps is woken.

import Glibc
import Synchronization
import Testing

@testable import Reactor

@Suite struct MailboxTests {
    @Test func messagesComeInTheOrderTheyWerePosted() throws {
        let mailbox = try Mailbox<Int>()
        #expect(mailbox.drain() == [])
        for number in 0..<100 { mailbox.post(number) }
        #expect(mailbox.drain() == Array(0..<100))
        #expect(mailbox.drain() == [])
    }

    @Test func theWakeDescriptorIsReadableWhileMessagesWait() throws {
        let mailbox = try Mailbox<Int>()
        let number = mailbox.wakeNumber
        #expect(currentReadiness(number, readable: true, writable: false) == [])
        mailbox.post(1)
        mailbox.post(2)
        #expect(currentReadiness(number, readable: true, writable: false) == .readable)
        #expect(mailbox.drain() == [1, 2])
        #expect(currentReadiness(number, readable: true, writable: false) == [])
        mailbox.post(3)
        #expect(currentReadiness(number, readable: true, writable: false) == .readable)
    }

    /// Three threads post while one drains; what each posted arrives whole and in its order. A message whose
    /// wake-up got lost would leave the drainer waiting until its deadline.
    @Test func nothingIsLostBetweenThreads() throws {
        let senders = 3
        let each = 20_000
        let mailbox = try Mailbox<(sender: Int, number: Int)>()
        var threads: [Reactor.Thread] = []
        for sender in 0..<senders {
            threads.append(
                try Reactor.Thread(name: "sender \(sender)") {
                    for number in 0..<each { mailbox.post((sender, number)) }
                })
        }
        var poller = try Poller()
        try poller.add(mailbox.wakeNumber, .level(.readable), Token(kind: 0, generation: 0, index: 0))
        var next = [Int](repeating: 0, count: senders)
        while next.reduce(0, +) < senders * each {
            guard try poller.wait(milliseconds: 120_000) > 0 else {
                Issue.record("nobody woke the loop; received \(next)")
                break
            }
            for message in mailbox.drain() {
                guard message.number == next[message.sender] else {
                    Issue.record(
                        "sender \(message.sender): \(message.number) came for \(next[message.sender])")
                    return
                }
                next[message.sender] += 1
            }
        }
        for thread in threads { thread.join() }
    }

    @Test func anOwnerWithNothingElseToDoBlocks() throws {
        let requests = try Mailbox<Int>()
        let answers = try Mailbox<Int>()
        let thread = try Reactor.Thread(name: "answers") {
            while true {
                requests.wait()
                for request in requests.drain() {
                    if request < 0 { return }
                    answers.post(request * 2)
                }
            }
        }
        for number in 1...50 {
            requests.post(number)
            answers.wait()
            #expect(answers.drain() == [number * 2])
        }
        requests.post(-1)
        thread.join()
    }
}

@Suite struct ThreadTests {
    @Test func aThreadHasItsNameAndIsWaitedFor() throws {
        let seen = Mutex("")
        let thread = try Reactor.Thread(name: "a-name-that-is-far-too-long") {
            var name = [UInt8](repeating: 0, count: 32)
            let file = unsafe open("/proc/thread-self/comm", O_RDONLY)
            let count = unsafe read(file, &name, name.count)
            _ = close(file)
            let text = String(decoding: name.prefix(max(0, count)), as: UTF8.self)
            seen.withLock { $0 = text }
        }
        thread.join()
        #expect(seen.withLock { $0 } == "a-name-that-is-\n")
    }
}

@Suite struct ClockTests {
    @Test func monotonicTimeDoesNotGoBack() {
        var last = Clock.monotonicNanos()
        for _ in 0..<1000 {
            let now = Clock.monotonicNanos()
            #expect(now >= last)
            last = now
        }
    }

    @Test func randomWordsDiffer() {
        #expect(Set((0..<1000).map { _ in SystemRandom.word() }).count == 1000)
        #expect(SystemRandom.bytes(33).count == 33)
    }

    @Test func thisProcessHasMemoryAndCores() {
        #expect(ProcessLimits.residentBytes() > 1 << 20)
        #expect(ProcessLimits.coreCount >= 1)
    }
}
