import t from 'tap'
import { KeyCache } from '../../src/crypto/key-cache.ts'

t.test('it gives back what it took, and never holds more than its maximum', async (t) => {
  const cache = new KeyCache<number>(3)
  for (let i = 0; i < 10_000; i++) cache.offer(`k${i}`, i)
  const held = Array.from({ length: 10_000 }, (_, i) => cache.get(`k${i}`)).filter((key) => key !== undefined)
  t.equal(held.length, 3)
  t.equal(cache.get('never offered'), undefined)
})

t.test('keys that are used stay while others come in turn', async (t) => {
  const cache = new KeyCache<number>(4)
  for (let i = 0; i < 4; i++) cache.offer(`used${i}`, i)
  let found = 0
  for (let round = 0; round < 1_000; round++) {
    for (let i = 0; i < 4; i++) if (cache.get(`used${i}`) === i) found++
    cache.offer(`other${round}`, round)
  }
  t.equal(found, 4_000, 'every look-up of a used key finds it')
})

t.test('a key that nobody uses any more makes room', async (t) => {
  const cache = new KeyCache<number>(2)
  cache.offer('old', 1)
  cache.offer('idle', 2)
  for (let i = 0; i < 200; i++) cache.offer('new', 3)
  t.equal(cache.get('new'), 3)
})
