// What the seed draws before the world begins: who has which power, the parameters, and how bad it gets.

import type { Bin } from '../base/bytes.ts'
import { assert } from '../base/assert.ts'
import { compareBin, toBin } from '../base/bytes.ts'
import { tagKey } from '../crypto/keys.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { checkGenesis, GENESIS_VERSION } from '../protocol/genesis.ts'
import { COIN, DEVELOPMENT_PARAMS } from '../protocol/params.ts'
import type { Weather } from './network.ts'
import { PPM, Prng } from './prng.ts'

export interface Scenario {
  readonly seed: number
  readonly genesis: Genesis
  /** Keys of the nodes, in order of their validator keys. Some are no validators in the genesis: they join later. */
  readonly members: readonly { readonly key: Bin; readonly nodeKey: Bin }[]
  /** The node that breaks the rules; null if all are honest. */
  readonly villain: number | null
  readonly villainy: Villainy
  /** Tagged keys of the lives, 35 bytes each. */
  readonly lives: readonly Uint8Array[]
  /** Tagged key of the one who enrols lives. */
  readonly registrar: Uint8Array
  /** Mean time between two governance transactions, ms. */
  readonly governEveryMs: number
  /** A node that crashes finds the disk of an earlier day again, now and then. */
  readonly backups: boolean
  /** The network while faults happen. */
  readonly storm: Weather
  /** Mean time between two faults of each kind, ms; 0 = never. */
  readonly crashEveryMs: number
  readonly partitionEveryMs: number
  readonly skewEveryMs: number
  readonly sleepEveryMs: number
  /** How long faults happen. */
  readonly safetyMs: number
}

export interface ScenarioOptions {
  readonly seed: number
  /** Honest validators. */
  readonly nodes: number
  /** One more validator, with less than a third of the power, that breaks the rules in this way; drawn if left out. */
  readonly villainy?: Villainy
}

/** Signs everything twice; leaves the heartbeats of others out of its blocks; does not exist. */
export type Villainy = 'equivocator' | 'omitter' | 'none'

/** The network when the faults have stopped. */
export const CALM: Weather = { lossPpm: 0, duplicatePpm: 0, minDelayMs: 5, maxDelayMs: 60 }

export const GENESIS_TIME_MS = 1_700_000_000_000
export const MAX_SKEW_MS = 1_000
const LIFE = 1_000_000

export function drawScenario({ seed, nodes, villainy: wanted }: ScenarioOptions): Scenario {
  const prng = new Prng(seed, 'scenario')
  const villainy = wanted ?? prng.pick(['equivocator', 'equivocator', 'equivocator', 'omitter', 'none', 'none'] as const)
  // Where base power is small, life power is much.
  const unit = nodes >= 4 && prng.chance(300_000) ? LIFE / 4 : LIFE
  const powers = Array.from({ length: nodes }, () => unit * prng.between(1, prng.pick([1, 3, 20])))
  if (villainy !== 'none') powers.push(villainPower(powers, prng))
  const standby = nodes > 1 && prng.chance(400_000) ? [0] : []
  const members = [...powers, ...standby]
    .map((power, i) => ({ key: toBin(prng.bytes(32)), nodeKey: toBin(prng.bytes(32)), power, isVillain: i === nodes && villainy !== 'none' }))
    .sort((a, b) => compareBin(a.key, b.key))
  const lives = Array.from({ length: prng.between(4, 12) }, () => drawLife(prng))
  const registrar = tagKey('ed25519', prng.bytes(32))
  const enrolled = prng.chance(600_000)
  const genesis: Genesis = {
    version: GENESIS_VERSION,
    network: `sim-${seed}`,
    timeMs: GENESIS_TIME_MS,
    params: {
      ...DEVELOPMENT_PARAMS,
      // Where blocks come every second, the next one brings what was left out before it can be missed.
      blockIntervalMs: villainy === 'omitter' ? 5_000 : 1_000,
      threshold: prng.between(1, 3),
      enrolled,
      // In long epochs a villain keeps its place for the whole run.
      epochBlocks: prng.chance(400_000) ? 200 : prng.between(4, 8),
      lifeWindowEpochs: prng.between(1, 3),
      enrolmentsPerEpoch: prng.between(1, 3),
      maxHeartbeats: 64,
      maxTransactions: 16,
      aliveBlocks: prng.between(4, 12),
      rewardHalvingBlocks: prng.between(7, 20),
      rewardInitial: 100n * COIN + BigInt(prng.below(1_000)),
      rewardFloor: 2n * COIN + BigInt(prng.below(1_000)),
      continuityMs: 30_000,
      gapMs: 3_000,
      gapBlocks: 3,
      maxCreations: 1,
      timeoutProposeMs: prng.pick([300, 1_000]),
      timeoutProposeDeltaMs: prng.pick([200, 500]),
      timeoutVoteMs: prng.pick([200, 500]),
      timeoutVoteDeltaMs: prng.pick([100, 250]),
    },
    validators: members.filter(({ power }) => power > 0).map(({ key, nodeKey, power }) => ({ key, nodeKey, power })),
    registrars: [toBin(registrar)],
    enrolled: lives.slice(0, enrolled ? prng.between(3, lives.length) : 0).map(toBin).sort(),
  }
  const problems = checkGenesis(genesis)
  assert(problems.length === 0, problems.join('; '))
  const never = (ms: number, ppm: number): number => (prng.chance(ppm) ? 0 : ms)
  return {
    seed,
    genesis,
    members: members.map(({ key, nodeKey }) => ({ key, nodeKey })),
    villain: villainy === 'none' ? null : members.findIndex(({ isVillain }) => isVillain),
    villainy,
    lives,
    registrar,
    governEveryMs: never(prng.between(1_000, 6_000), PPM / 10),
    backups: villainy === 'none',
    storm: {
      lossPpm: prng.skewed(0, 300_000),
      duplicatePpm: prng.skewed(0, 200_000),
      minDelayMs: 1,
      maxDelayMs: prng.skewed(20, 2_000),
    },
    crashEveryMs: never(prng.between(1_500, 15_000), PPM / 10),
    partitionEveryMs: never(prng.between(4_000, 20_000), PPM / 5),
    skewEveryMs: never(prng.between(2_000, 20_000), PPM / 5),
    sleepEveryMs: never(prng.between(10_000, 40_000), PPM / 3),
    safetyMs: prng.between(40_000, 80_000),
  }
}

function drawLife(prng: Prng): Uint8Array {
  const curve = prng.pick(['p256', 'secp256k1', 'ed25519'] as const)
  const raw = prng.bytes(curve === 'ed25519' ? 32 : 33)
  if (curve !== 'ed25519') raw[0] = 2 + (raw[0]! & 1)
  return tagKey(curve, raw)
}

/** Below a third of the whole, most often as near to it as can be. */
function villainPower(honest: readonly number[], prng: Prng): number {
  const most = Math.ceil(honest.reduce((sum, power) => sum + power, 0) / 2) - 1
  return prng.chance(700_000) ? most : prng.between(1, most)
}
