#if Postgres
    import CareDesk
    import CareTestKit
    import Testing

    @testable import CareStore

    struct `The pool of connections, as a value` {
        private func pool(_ limit: Int = 2, waiting: Int = 3) -> PoolState {
            PoolState(limit: limit, waitingLimit: waiting)
        }

        @Test func `makes one for who asks, keeps it, and lends the newest again`() {
            var pool = pool()
            #expect(pool.wants(1, at: .zero) == [.make(1)])
            #expect(pool.made(1) == [.lend(1, to: 1)])
            #expect(pool.wants(2, at: .zero) == [.make(2)])
            #expect(pool.made(2) == [.lend(2, to: 2)])
            #expect(pool.back(1, isUsable: true, at: .zero).isEmpty)
            #expect(pool.back(2, isUsable: true, at: .zero).isEmpty)
            #expect(pool.wants(3, at: .zero) == [.lend(2, to: 3)])
        }

        @Test func `has a bound: the next one waits, in order, and takes what comes back`() {
            var pool = pool(1)
            _ = pool.wants(1, at: .zero)
            _ = pool.made(1)
            #expect(pool.wants(2, at: .zero).isEmpty)
            #expect(pool.wants(3, at: .zero).isEmpty)
            #expect(pool.back(1, isUsable: true, at: .zero) == [.lend(1, to: 2)])
            #expect(pool.back(1, isUsable: true, at: .zero) == [.lend(1, to: 3)])
            #expect(pool.callers.isEmpty)
        }

        @Test func `lets so many wait and no more`() {
            var pool = pool(1, waiting: 2)
            _ = pool.wants(1, at: .zero)
            _ = pool.made(1)
            #expect(pool.wants(2, at: .zero).isEmpty)
            #expect(pool.wants(3, at: .zero).isEmpty)
            #expect(pool.wants(4, at: .zero) == [.refuse(4, .exhausted)])
            #expect(pool.gaveUp(2) == true)
            #expect(pool.wants(5, at: .zero).isEmpty)
            #expect(pool.gaveUp(2) == false)
        }

        @Test func `gives the place of who gave up to the next, and keeps a connection nobody wants any more`() {
            var pool = pool(1)
            _ = pool.wants(1, at: .zero)
            #expect(pool.gaveUp(1) == true)
            #expect(pool.made(1).isEmpty)
            #expect(pool.idle == [1])
        }

        @Test func `closes what broke, and makes another for who waits`() {
            var pool = pool(1)
            _ = pool.wants(1, at: .zero)
            _ = pool.made(1)
            _ = pool.wants(2, at: .zero)
            #expect(pool.back(1, isUsable: false, at: .zero) == [.close(1), .make(2)])
            #expect(pool.made(2) == [.lend(2, to: 2)])
            #expect(pool.back(1, isUsable: true, at: .zero).isEmpty, "it has been closed")
        }

        @Test func `refuses everybody at once when nobody is there, and asks again after a pause that grows`() {
            var pool = pool()
            let first = PoolState.firstPause
            _ = pool.wants(1, at: .zero)
            _ = pool.wants(2, at: .zero)
            #expect(pool.failed(1, .away, at: .zero).isEmpty, "the other one is still on its way")
            #expect(pool.failed(2, .away, at: .zero) == [.refuse(1, .away), .refuse(2, .away)])
            // Two failures, so the second pause counts.
            #expect(pool.wants(3, at: first * 2 - .milliseconds(1)) == [.refuse(3, .away)])
            #expect(pool.wants(4, at: first * 2) == [.make(3)])
            var now = first * 2
            for number in 3...40 {
                #expect(pool.failed(number, .silent, at: now) == [.refuse(number + 1, .silent)])
                let pause = min(first * (1 << min(number - 1, 10)), PoolState.longestPause)
                #expect(pool.wants(0, at: now + pause - .milliseconds(1)) == [.refuse(0, .silent)])
                now += pause
                #expect(pool.wants(number + 2, at: now) == [.make(number + 1)])
            }
            #expect(pool.made(41) == [.lend(41, to: 42)])
            #expect(pool.back(41, isUsable: false, at: now) == [.close(41)])
            #expect(pool.wants(99, at: now) == [.make(42)], "one that was made is the end of all pauses")
        }

        @Test func `waits for what there is when no more can be made`() {
            var pool = pool(3)
            _ = pool.wants(1, at: .zero)
            _ = pool.made(1)
            _ = pool.wants(2, at: .zero)
            #expect(pool.failed(2, .tooManyConnections, at: .zero).isEmpty)
            #expect(pool.callers == [2])
            #expect(pool.back(1, isUsable: true, at: .zero) == [.lend(1, to: 2)])
        }

        /// Whatever happens in whatever order: never more than the bound, nobody lent what another has, nobody forgotten.
        @Test func `holds in any order`() {
            let seed = Proof().seed
            var random = SeededRandom(seed: seed)
            for _ in 0..<200 {
                var pool = pool(1 + random.below(4), waiting: 1 + random.below(6))
                var making: Set<Int> = []
                var lent: [Int: Int] = [:]
                var waiting: Set<Int> = []
                var now: Duration = .zero
                var caller = 0
                for _ in 0..<200 {
                    now += .milliseconds(random.below(200))
                    var acts: [PoolState.Act] = []
                    switch random.below(5) {
                    case 0, 1:
                        caller += 1
                        waiting.insert(caller)
                        acts = pool.wants(caller, at: now)
                    case 2:
                        guard let one = making.sorted().first else { continue }
                        making.remove(one)
                        acts = random.once(in: 3) ? pool.failed(one, .away, at: now) : pool.made(one)
                    case 3:
                        guard let one = lent.keys.sorted().first else { continue }
                        lent[one] = nil
                        acts = pool.back(one, isUsable: !random.once(in: 4), at: now)
                    default:
                        guard let one = waiting.sorted().last else { continue }
                        waiting.remove(one)
                        #expect(pool.gaveUp(one) == true, "seed \(seed)")
                    }
                    for act in acts {
                        switch act {
                        case .make(let one): #expect(making.insert(one).inserted, "seed \(seed)")
                        case .lend(let one, let to):
                            #expect(lent.updateValue(to, forKey: one) == nil, "lent twice, seed \(seed)")
                            #expect(waiting.remove(to) != nil, "seed \(seed)")
                        case .refuse(let one, _): #expect(waiting.remove(one) != nil, "seed \(seed)")
                        case .close(let one): #expect(lent[one] == nil, "seed \(seed)")
                        }
                    }
                    #expect(Set(pool.callers) == waiting, "seed \(seed)")
                    #expect(pool.lent == Set(lent.keys) && pool.making == making, "seed \(seed)")
                    #expect(pool.idle.count + lent.count + making.count <= pool.limit, "seed \(seed)")
                    #expect(
                        waiting.isEmpty || !lent.isEmpty || !making.isEmpty, "somebody waits for nobody, seed \(seed)")
                }
            }
        }
    }
#endif
