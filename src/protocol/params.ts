// Consensus parameters: set by the genesis, committed to by every header (paramsRoot).

import { HEARTBEAT_RECORD_SIZE } from './heartbeat.ts'
import { bigUint64, BooleanType, ContainerType, uint32, uint64 } from './ssz.ts'
import { MAX_BLOCK_HEARTBEATS, MAX_BLOCK_TRANSACTIONS, MAX_BODY_BYTES, MAX_LIFE_WINDOW_EPOCHS } from './limits.ts'

export const COIN = 100_000_000n

export interface Params {
  /** Least time between two blocks, ms. */
  readonly blockIntervalMs: number
  /** Distinct lives that a rewarded block needs; 1 = solo. */
  readonly threshold: number
  readonly maxHeartbeats: number
  readonly maxTransactions: number
  readonly maxBodyBytes: number
  /** Age of a heartbeat, against the block's timestamp, ms. */
  readonly heartbeatMaxAgeMs: number
  readonly heartbeatMaxFutureMs: number
  /** Least time between two heartbeats of one life, ms (whole seconds). */
  readonly lifeMinIntervalMs: number
  /** A sender is alive if it has a committed heartbeat within this many blocks. */
  readonly aliveBlocks: number
  readonly epochBlocks: number
  /** Epochs over which the lives of a validator are averaged: 24 h by default. */
  readonly lifeWindowEpochs: number
  /** Lives that one registrar may enrol in an epoch. */
  readonly enrolmentsPerEpoch: number
  /** Base units. */
  readonly rewardInitial: bigint
  readonly rewardHalvingBlocks: number
  readonly rewardFloor: bigint
  /** Shares of heart rate, motion and continuity in a weight; their sum is 1 000 000. */
  readonly alphaPpm: number
  readonly betaPpm: number
  readonly gammaPpm: number
  /** Time without a gap that gives full continuity, ms. */
  readonly continuityMs: number
  /** A streak ends after the longer of these two without a heartbeat. */
  readonly gapMs: number
  readonly gapBlocks: number
  /** Largest weight by class of evidence. */
  readonly capLegacyPpm: number
  readonly capNativePpm: number
  readonly capAttestedPpm: number
  /** Least amount of a transfer that opens an account. */
  readonly accountMinimum: bigint
  /** Accounts that transfers may open in one block. */
  readonly maxCreations: number
  /** True: only lives that a registrar enrolled count. False: any key is a life (development networks). */
  readonly enrolled: boolean
  /** True on development networks: simulated hearts and fast replay are allowed. */
  readonly development: boolean
  /** Round timeouts: base + round × delta, ms. */
  readonly timeoutProposeMs: number
  readonly timeoutProposeDeltaMs: number
  readonly timeoutVoteMs: number
  readonly timeoutVoteDeltaMs: number
  readonly evidenceMaxBlocks: number
  readonly evidenceMaxAgeMs: number
  readonly trustPeriodMs: number
}

export const DEFAULT_PARAMS: Params = {
  blockIntervalMs: 5_000,
  threshold: 1,
  maxHeartbeats: MAX_BLOCK_HEARTBEATS,
  maxTransactions: MAX_BLOCK_TRANSACTIONS,
  maxBodyBytes: MAX_BODY_BYTES,
  heartbeatMaxAgeMs: 30_000,
  heartbeatMaxFutureMs: 5_000,
  lifeMinIntervalMs: 1_000,
  aliveBlocks: 12,
  epochBlocks: 120,
  lifeWindowEpochs: 144,
  enrolmentsPerEpoch: 1_024,
  rewardInitial: 100n * COIN,
  rewardHalvingBlocks: 210_000,
  rewardFloor: COIN / 100n,
  alphaPpm: 400_000,
  betaPpm: 300_000,
  gammaPpm: 300_000,
  continuityMs: 300_000,
  gapMs: 30_000,
  gapBlocks: 8,
  capLegacyPpm: 500_000,
  capNativePpm: 1_000_000,
  capAttestedPpm: 1_000_000,
  accountMinimum: COIN / 100n,
  maxCreations: 1_024,
  enrolled: false,
  development: false,
  timeoutProposeMs: 1_000,
  timeoutProposeDeltaMs: 500,
  timeoutVoteMs: 500,
  timeoutVoteDeltaMs: 250,
  evidenceMaxBlocks: 10_000,
  evidenceMaxAgeMs: 24 * 3_600_000,
  trustPeriodMs: 14 * 24 * 3_600_000,
}

/** Development networks: faster blocks, everything else as in production. */
export const DEVELOPMENT_PARAMS: Params = { ...DEFAULT_PARAMS, development: true, blockIntervalMs: 1_000 }

const boolean = new BooleanType()

export const ParamsSsz = new ContainerType({
  blockIntervalMs: uint64,
  threshold: uint32,
  maxHeartbeats: uint32,
  maxTransactions: uint32,
  maxBodyBytes: uint32,
  heartbeatMaxAgeMs: uint64,
  heartbeatMaxFutureMs: uint64,
  lifeMinIntervalMs: uint64,
  aliveBlocks: uint64,
  epochBlocks: uint64,
  lifeWindowEpochs: uint32,
  enrolmentsPerEpoch: uint32,
  rewardInitial: bigUint64,
  rewardHalvingBlocks: uint64,
  rewardFloor: bigUint64,
  alphaPpm: uint32,
  betaPpm: uint32,
  gammaPpm: uint32,
  continuityMs: uint64,
  gapMs: uint64,
  gapBlocks: uint64,
  capLegacyPpm: uint32,
  capNativePpm: uint32,
  capAttestedPpm: uint32,
  accountMinimum: bigUint64,
  maxCreations: uint32,
  enrolled: boolean,
  development: boolean,
  timeoutProposeMs: uint32,
  timeoutProposeDeltaMs: uint32,
  timeoutVoteMs: uint32,
  timeoutVoteDeltaMs: uint32,
  evidenceMaxBlocks: uint64,
  evidenceMaxAgeMs: uint64,
  trustPeriodMs: uint64,
})

export const paramsRoot = (params: Params): Uint8Array => ParamsSsz.hashTreeRoot(params)

type NumberName = { [Name in keyof Params]: Params[Name] extends number ? Name : never }[keyof Params]
type AmountName = { [Name in keyof Params]: Params[Name] extends bigint ? Name : never }[keyof Params]

const HOUR = 3_600_000
const PPM = [0, 1_000_000] as const

/** Least and largest value of each: part of consensus, since a change must keep to them. */
export const PARAM_RANGES: Readonly<Record<NumberName, readonly [least: number, largest: number]>> = {
  blockIntervalMs: [100, HOUR],
  threshold: [1, MAX_BLOCK_HEARTBEATS],
  maxHeartbeats: [1, MAX_BLOCK_HEARTBEATS],
  maxTransactions: [1, MAX_BLOCK_TRANSACTIONS],
  maxBodyBytes: [65_536, MAX_BODY_BYTES],
  heartbeatMaxAgeMs: [1_000, HOUR],
  heartbeatMaxFutureMs: [0, HOUR],
  lifeMinIntervalMs: [1_000, HOUR],
  aliveBlocks: [1, 1_000_000],
  epochBlocks: [4, 1_000_000],
  lifeWindowEpochs: [1, MAX_LIFE_WINDOW_EPOCHS],
  enrolmentsPerEpoch: [0, 1_000_000],
  rewardHalvingBlocks: [1, 1_000_000_000],
  alphaPpm: PPM,
  betaPpm: PPM,
  gammaPpm: PPM,
  continuityMs: [1_000, 24 * HOUR],
  gapMs: [1_000, 24 * HOUR],
  gapBlocks: [1, 1_000],
  capLegacyPpm: PPM,
  capNativePpm: PPM,
  capAttestedPpm: PPM,
  maxCreations: [0, MAX_BLOCK_TRANSACTIONS],
  timeoutProposeMs: [10, HOUR],
  timeoutProposeDeltaMs: [1, HOUR],
  timeoutVoteMs: [10, HOUR],
  timeoutVoteDeltaMs: [1, HOUR],
  evidenceMaxBlocks: [1, 100_000_000],
  evidenceMaxAgeMs: [HOUR, 365 * 24 * HOUR],
  trustPeriodMs: [HOUR, 365 * 24 * HOUR],
}

const MAX_REWARD = 1_000_000n * COIN

/** As above, in base units. */
export const AMOUNT_RANGES: Readonly<Record<AmountName, readonly [least: bigint, largest: bigint]>> = {
  rewardInitial: [0n, MAX_REWARD],
  rewardFloor: [0n, MAX_REWARD],
  accountMinimum: [0n, MAX_REWARD],
}

/** What is wrong with the parameters, one sentence each; empty if nothing is. */
export function checkParams(params: Params): string[] {
  const problems: string[] = []
  for (const [name, [low, high]] of Object.entries(PARAM_RANGES) as [NumberName, readonly [number, number]][]) {
    const value = params[name]
    if (!Number.isInteger(value) || value < low || value > high) problems.push(`${name} must be an integer from ${low} to ${high}`)
  }
  for (const [name, [low, high]] of Object.entries(AMOUNT_RANGES) as [AmountName, readonly [bigint, bigint]][]) {
    if (params[name] < low || params[name] > high) problems.push(`${name} must be from ${low} to ${high} base units`)
  }
  if (params.lifeMinIntervalMs % 1_000 !== 0) problems.push('lifeMinIntervalMs must be whole seconds')
  if (params.threshold > params.maxHeartbeats) problems.push('threshold must not exceed maxHeartbeats')
  if (params.threshold * HEARTBEAT_RECORD_SIZE > params.maxBodyBytes) problems.push('threshold heartbeats must fit into maxBodyBytes')
  if (params.alphaPpm + params.betaPpm + params.gammaPpm !== 1_000_000) problems.push('alphaPpm + betaPpm + gammaPpm must be 1000000')
  if (params.rewardFloor > params.rewardInitial) problems.push('rewardFloor must not exceed rewardInitial')
  return problems
}
