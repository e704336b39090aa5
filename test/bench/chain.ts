// A long chain in a data directory, made in seconds: really signed heartbeats go through the real engine, runner, log,
// signer and store, only the door (HTTP and verification) and the waiting are left out. `verify` accepts it.

import { hash } from 'node:crypto'
import { join } from 'node:path'
import { binToHex, toBin } from '../../src/base/bytes.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { openWal } from '../../src/chain/wal.ts'
import { initialise } from '../../src/cli/network.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import type { Verified } from '../../src/crypto/verified.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import { blockCommit, loadChain } from '../../src/node/ledger-store.ts'
import { createRunner } from '../../src/node/runner.ts'
import type { Clock, Timer } from '../../src/ops/clock.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { createSigner } from '../../src/ops/signer.ts'
import { genesisHash as hashOf } from '../../src/protocol/genesis.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { decodeHeartbeat, HEARTBEAT_ROW_SIZE, recordOfRow } from '../../src/protocol/heartbeat.ts'
import type { Context } from './context.ts'
import { size } from './context.ts'
import type { Schedule } from './schedule.ts'
import { beatsOf, beatsPerSecond } from './schedule.ts'
import { signBeats } from './signing.ts'

export interface Chain {
  readonly dataDir: string
  readonly heartbeats: number
  readonly blocks: number
  readonly lives: number
  /** From the first block to the last, without signing: what the core thread takes for blocks alone. */
  readonly commitSeconds: number
}

const START_S = 1_760_000_000
const INTERVAL_MS = 1_000
/** As the node keeps them by default. */
const WAL_SEGMENTS = 8

/** One million heartbeats of 50 000 lives in 100 blocks; made once in a run. */
export const millionChain = (context: Context): Promise<Chain> =>
  context.shared('chain', () => {
    const schedule: Schedule = { lives: size(context, 50_000, 1_000), everyS: 5, seconds: size(context, 100, 20) }
    context.say(`making a chain of ${beatsOf(schedule)} heartbeats`)
    return makeChain(join(context.directory, 'chain'), schedule)
  })

export async function makeChain(dataDir: string, schedule: Schedule): Promise<Chain> {
  const { paths, genesis, node, validator } = initialise(dataDir, { network: 'pulse-bench', development: true, intervalMs: INTERVAL_MS, nowMs: (START_S - 1) * 1_000 })
  const genesisHash = hashOf(genesis)
  const { rows } = await signBeats(schedule, genesisHash, [rawKey(node.publicKey, 'ed25519')], START_S)
  const store = await openChainStore({ path: paths.db, genesisHash, createIfMissing: true })
  const { ledger, headCertificate } = await loadChain(store, genesis)
  const engine = createEngine({ ledger, headCertificate, self: validatorKeyOf(validator), mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
  const wal = openWal({ dir: paths.wal, keepSegments: WAL_SEGMENTS })
  wal.begin(1)
  const clock = manualClock()
  let onCommitted: () => void = () => {}
  let onFailed: (error: unknown) => void = () => {}
  const runner = createRunner({
    engine,
    wal,
    signer: createSigner({ keys: validator, path: paths.lastSigned }),
    store: (executed, certificate) => store.commit(blockCommit(engine.ledger, executed, certificate)),
    clock,
    logger: silentLogger(),
    events: { committed: () => onCommitted(), round: () => {}, failed: (error) => onFailed(error) },
    outgoing: { vote: () => {}, proposal: () => {}, transaction: () => {} },
  })
  runner.start([])
  const perSecond = beatsPerSecond(schedule)
  const startedMs = performance.now()
  for (let second = 0; second < schedule.seconds; second++) {
    clock.set((START_S + second) * 1_000 + 900)
    const committed = new Promise<void>((resolve, reject) => {
      onCommitted = resolve
      onFailed = reject
    })
    const heartbeats = Array.from({ length: perSecond }, (_, i) => read(rows, second * perSecond + i, genesisHash))
    const verdicts = await runner.submit((ticket) => ({ kind: 'heartbeats', heartbeats, ticket }))
    const refused = verdicts.find(({ accepted }) => !accepted)
    if (refused !== undefined) throw new Error(`a heartbeat of second ${second} was refused: ${JSON.stringify(refused)}`)
    await committed
  }
  const commitSeconds = (performance.now() - startedMs) / 1_000
  const { height } = engine.ledger
  await runner.stop()
  await store.close()
  if (height !== schedule.seconds) throw new Error(`the chain ends at height ${height} (${binToHex(engine.ledger.headId)}), not ${schedule.seconds}`)
  return { dataDir, heartbeats: beatsOf(schedule), blocks: height, lives: schedule.lives, commitSeconds }
}

const validatorKeyOf = ({ publicKey }: KeyPair): string => toBin(rawKey(publicKey, 'ed25519'))

function read(rows: Uint8Array, position: number, genesisHash: Uint8Array): Verified<Heartbeat> {
  // Out of shared memory: what is kept must not be.
  const row = new Uint8Array(rows.subarray(position * HEARTBEAT_ROW_SIZE, (position + 1) * HEARTBEAT_ROW_SIZE))
  const record = recordOfRow(row, genesisHash)
  const heartbeat = record.ok ? decodeHeartbeat(record.value, hash('sha256', row, 'binary')) : null
  if (heartbeat === null) throw new Error('a heartbeat that was made here cannot be read')
  return markVerified(heartbeat)
}

/** Stands still between blocks, so that no timeout ever fires. */
function manualClock(): Clock & { set(nowMs: number): void } {
  let now = (START_S - 1) * 1_000
  const never: Timer = { cancel: () => {} }
  return {
    set(nowMs) {
      now = nowMs
    },
    nowMs: () => now,
    monotonicMs: () => now,
    after: () => never,
    every: () => never,
  }
}
