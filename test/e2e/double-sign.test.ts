// A validator whose key signs two votes for one question loses its place for good, on all nodes.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { binToHex, concat, toBin } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { sign } from '../../src/crypto/sign.ts'
import { FRAME } from '../../src/node/frames.ts'
import { readKeyFile } from '../../src/ops/keyfile.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import type { VoteStatement } from '../../src/protocol/vote.ts'
import { encodeVote, voteMessage } from '../../src/protocol/vote.ts'
import { createCluster } from './cores.ts'
import { makeBeat, newLife } from './lives.ts'

t.setTimeout(90_000)

const EPOCH_BLOCKS = 8
const LIFE = 1_000_000
const ALL = [0, 1, 2, 3]
const GUILTY = 3

async function until(what: string, holds: () => boolean): Promise<void> {
  const startedMs = performance.now()
  while (!holds()) {
    if (performance.now() - startedMs > 40_000) throw new Error(`not in time: ${what}`)
    await delay(20)
  }
}

t.test('two votes for one question bar the key from the next epoch on', async (t) => {
  const cluster = createCluster({ powers: ALL.map(() => LIFE), params: { epochBlocks: EPOCH_BLOCKS }, random: Math.random })
  t.teardown(() => cluster.close())
  await Promise.all(ALL.map((i) => cluster.start(i)))
  const { members } = cluster
  const beating = setInterval(() => {
    const { info, heartbeats } = members[0]!.core!
    const network = { genesisHash: Buffer.from(info.genesisHash, 'hex'), witness: Buffer.from(info.witness, 'hex') }
    void heartbeats(makeBeat(network, newLife()).row, [null])
  }, 50)
  t.teardown(() => clearInterval(beating))
  const heightOf = (i: number): number => members[i]!.blocks.at(-1)?.height ?? 0
  const validatorsOf = (i: number): { key: string; power: number }[] => members[i]!.core!.status().validators.map(({ key, power }) => ({ key, power }))
  await until('the first blocks', () => ALL.every((i) => heightOf(i) >= 2))

  const keys = readKeyFile(join(members[GUILTY]!.dir, 'validator.key'), 'ed25519')
  const guilty = toBin(rawKey(keys.publicKey, 'ed25519'))
  t.ok(validatorsOf(0).some(({ key }) => key === binToHex(guilty)))
  const hash = genesisHash(cluster.genesis)
  const voteFor = (height: number, block: string): Uint8Array => {
    const statement: VoteStatement = { height, round: 0, type: 'prevote', blockId: block.repeat(32) }
    return concat(Uint8Array.of(FRAME.vote), encodeVote({ ...statement, validator: guilty, signature: sign(voteMessage(hash, statement), keys) }))
  }
  /** Some come too late for their height: the chain goes on meanwhile. */
  const cheating = setInterval(() => {
    for (const i of [0, 1, 2]) for (const block of ['X', 'Y']) void members[i]!.core!.gossip('consensus', voteFor(heightOf(i) + 1, block), members[GUILTY]!.name)
  }, 60)
  t.teardown(() => clearInterval(cheating))
  await until('the key is barred everywhere', () => ALL.every((i) => validatorsOf(i).length === 3))
  clearInterval(cheating)
  for (const i of ALL) t.notOk(validatorsOf(i).some(({ key }) => key === binToHex(guilty)), `node${i}`)

  const barredAt = Math.max(...ALL.map(heightOf))
  await until('two more epochs', () => ALL.every((i) => heightOf(i) >= barredAt + 2 * EPOCH_BLOCKS))
  for (const i of ALL) t.strictSame(validatorsOf(i), validatorsOf(0), 'it stays away')
  const blocks = members[0]!.blocks.filter(({ height }) => height > barredAt)
  t.notOk(blocks.some(({ proposer }) => proposer === binToHex(guilty)))
  t.ok(blocks.every(({ certificate }) => certificate!.totalPower === 3 * LIFE))
  const common = Math.min(...ALL.map(heightOf))
  for (const { height, id } of members[0]!.blocks.filter((block) => block.height <= common)) {
    for (const i of ALL) if (members[i]!.blocks.find((block) => block.height === height)!.id !== id) t.fail(`node${i} has another block at height ${height}`)
  }
})
