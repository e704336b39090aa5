// A node that is slow to load its chain tells nobody a height before it knows its own: validators that come back with an
// old record count on what others tell (src/engine/caution.ts).

import { mkdirSync } from 'node:fs'
import t from 'tap'
import type { CoreClient } from '../../src/node/core-client.ts'
import { joinNetwork } from '../../src/node/join.ts'
import { dataDir } from '../../src/ops/datadir.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { writeKeyFile } from '../../src/ops/keyfile.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { configWith } from '../../src/ops/settings.ts'
import { createNetwork } from '../../src/network/network.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import { freePort } from '../ports.ts'
import { networkOf } from '../unit/sync-fixture.ts'
import { keysOf, newDirectory, sleep, until } from './network-support.ts'

t.test('peers hear of a height only when the chain is loaded', async (t) => {
  const genesis = networkOf()
  const paths = dataDir(`${t.testdir()}/data`)
  mkdirSync(paths.root)
  writeKeyFile(paths.nodeKey, keysOf('late'))
  const port = await freePort()
  const loaded = Promise.withResolvers<void>()
  let head = { height: 0, headId: genesisHash(genesis) }
  const metrics = createMetrics({ labels: {}, clock: systemClock })
  const core = { methods: new Proxy({}, { get: () => async () => null }), connect: () => undefined } as unknown as CoreClient
  const config = configWith({ host: '127.0.0.1', p2pPort: port })
  const joining = joinNetwork({ config, paths, genesis, core, loaded: loaded.promise, head: () => head, logger: silentLogger(), clock: systemClock, metrics })
  // Long enough for a network that does not wait.
  await Promise.race([joining, sleep(1_500)])

  const heard: number[] = []
  const observer = await createNetwork(
    {
      keys: keysOf('observer'), genesisHash: genesisHash(genesis), network: genesis.network, version: '0.0.0', host: '127.0.0.1', port: 0, announce: [],
      seeds: [`/ip4/127.0.0.1/tcp/${port}`], peersFile: `${newDirectory()}/peers.json`,
    },
    {
      logger: { ...silentLogger(), child: () => ({ ...silentLogger(), warn: () => setHead() }) },
      clock: systemClock,
      metrics: createMetrics({ labels: {}, clock: systemClock }),
      handlers: {
        gossip: async () => ({ verdict: 'ignore' }),
        request: async () => null,
        status: () => ({ height: 0, headId: genesisHash(genesis) }),
        peerStatus: (_, { height }) => void heard.push(height),
        peerGone: () => undefined,
      },
    },
  )
  /** The observer was not let in yet. */
  function setHead(): void {
    head = { height: 5, headId: new Uint8Array(32).fill(5) }
    loaded.resolve()
  }
  await observer.start()
  try {
    await until('they have met', () => heard.length > 0)
    t.same(new Set(heard), new Set([5]))
  } finally {
    loaded.resolve()
    await observer.stop()
    await (await joining).stop()
  }
})

t.test('a chain that cannot be loaded leaves no network behind', async (t) => {
  const genesis = networkOf()
  const paths = dataDir(`${t.testdir()}/data`)
  mkdirSync(paths.root)
  writeKeyFile(paths.nodeKey, keysOf('broken'))
  const core = { methods: {}, connect: () => undefined } as unknown as CoreClient
  const loaded = Promise.reject(new Error('broken'))
  const config = configWith({ host: '127.0.0.1', p2pPort: 0 })
  const joining = joinNetwork({
    config, paths, genesis, core, loaded, head: () => ({ height: 0, headId: genesisHash(genesis) }), logger: silentLogger(), clock: systemClock,
    metrics: createMetrics({ labels: {}, clock: systemClock }),
  })
  await t.rejects(joining, { message: 'broken' })
})
