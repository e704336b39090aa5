// What all nodes agree on after a block: accounts and the few singletons beside them.
//
// Active time is the time that counts for streaks: the sum over all blocks of the time since the parent, of which at
// most two intervals count. Time in which the network committed nothing breaks nobody's streak and earns nobody one.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash } from '../protocol/genesis.ts'
import { MAX_VALIDATORS } from '../protocol/limits.ts'
import type { Params } from '../protocol/params.ts'
import { ParamsSsz } from '../protocol/params.ts'
import type { Priorities } from '../protocol/rotation.ts'
import { bigUint64, bytes32, ContainerType, ListCompositeType, uint64 } from '../protocol/ssz.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import { Accounts } from './accounts.ts'
import type { Governance } from './governance.ts'
import { genesisGovernance, governanceFromSsz, GovernanceSsz, governanceToSsz } from './governance.ts'

/** The state beside the accounts. */
export interface Singletons {
  /** 0 before the first block. */
  readonly height: number
  readonly timestampMs: number
  readonly activeMs: number
  /** All base units ever minted; equals the sum of all balances. */
  readonly supply: bigint
  readonly cumulativeLifePpm: bigint
  readonly validators: ValidatorSet
  /** One per validator, in their order. */
  readonly priorities: Priorities
  readonly params: Params
  readonly governance: Governance
}

export interface Ledger extends Singletons {
  readonly genesisHash: Uint8Array
  /** Id of the last block; the genesis hash before the first. */
  readonly headId: Bin
  readonly accounts: Accounts
  readonly accountsRoot: Uint8Array
}

const ValidatorStateSsz = new ContainerType({ key: bytes32, nodeKey: bytes32, power: uint64, priority: bigUint64 })

const StateSsz = new ContainerType({
  height: uint64,
  timestampMs: uint64,
  activeMs: uint64,
  supply: bigUint64,
  cumulativeLifePpm: bigUint64,
  accountsRoot: bytes32,
  validators: new ListCompositeType(ValidatorStateSsz, MAX_VALIDATORS),
  params: ParamsSsz,
  governance: GovernanceSsz,
  /** Ids of recent legacy transfers and heartbeats; zero until legacy clients are served. */
  legacyRoot: bytes32,
})

function toSsz(state: Singletons, accountsRoot: Uint8Array) {
  const validators = state.validators.map(({ key, nodeKey, power }, i) => ({
    key: fromBin(key),
    nodeKey: fromBin(nodeKey),
    power,
    // Two's complement: SSZ has no signed integers.
    priority: BigInt.asUintN(64, BigInt(state.priorities[i]!)),
  }))
  return { ...state, validators, governance: governanceToSsz(state.governance), accountsRoot, legacyRoot: new Uint8Array(32) }
}

/** Hash tree root of the state: what headers commit to. */
export const stateRoot = (state: Singletons, accountsRoot: Uint8Array): Uint8Array => StateSsz.hashTreeRoot(toSsz(state, accountsRoot))

/** The singletons as they are stored; accounts are stored beside them. */
export const encodeSingletons = (state: Singletons, accountsRoot: Uint8Array): Uint8Array => StateSsz.serialize(toSsz(state, accountsRoot))

/** Reads what `encodeSingletons` wrote. @throws if the bytes are damaged */
export function decodeSingletons(bytes: Uint8Array): { state: Singletons; accountsRoot: Uint8Array } {
  const { accountsRoot, validators, governance, legacyRoot: _, ...rest } = StateSsz.deserialize(bytes)
  return {
    accountsRoot,
    state: {
      ...rest,
      validators: validators.map(({ key, nodeKey, power }) => ({ key: toBin(key), nodeKey: toBin(nodeKey), power })),
      priorities: validators.map(({ priority }) => Number(BigInt.asIntN(64, priority))),
      governance: governanceFromSsz(governance),
    },
  }
}

/** The ledger before the first block. */
export function genesisLedger(genesis: Genesis): Ledger {
  const hash = genesisHash(genesis)
  const accounts = new Accounts()
  const draft = accounts.draft(genesis.enrolled.length)
  for (const key of genesis.enrolled) draft.create(key, true)
  const patch = draft.toPatch()
  accounts.apply(patch)
  return {
    genesisHash: hash,
    headId: toBin(hash),
    height: 0,
    timestampMs: genesis.timeMs,
    activeMs: 0,
    supply: 0n,
    cumulativeLifePpm: 0n,
    validators: genesis.validators.map(({ key, nodeKey, power }) => ({ key, nodeKey, power })),
    priorities: genesis.validators.map(() => 0),
    params: genesis.params,
    governance: genesisGovernance(genesis),
    accounts,
    accountsRoot: patch.root,
  }
}
