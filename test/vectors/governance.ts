// The vectors of transactions that govern: enrolment, join with and without base power, leave, parameters, evidence.

import { fromBin, toBin, toHex } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { sign } from '../../src/crypto/sign.ts'
import { enrolmentMessage } from '../../src/protocol/enrolment.ts'
import { evidenceOf } from '../../src/protocol/evidence.ts'
import { joinMessage, leaveMessage } from '../../src/protocol/membership.ts'
import { parametersMessage } from '../../src/protocol/parameters.ts'
import type { Params } from '../../src/protocol/params.ts'
import { paramsRoot } from '../../src/protocol/params.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import {
  encodeTransaction, enrolmentTransaction, evidenceTransaction, joinTransaction, leaveTransaction, parametersTransaction, transactionSignatures,
} from '../../src/protocol/transaction.ts'
import type { Vote } from '../../src/protocol/vote.ts'
import { voteMessage } from '../../src/protocol/vote.ts'

export interface Cast {
  readonly hash: Uint8Array
  readonly params: Params
  readonly registrar: KeyPair
  readonly devices: readonly KeyPair[]
  /** In the set, ascending. */
  readonly validators: readonly KeyPair[]
  /** Not in it yet. */
  readonly candidate: KeyPair
  readonly node: KeyPair
}

const raw = ({ publicKey, curve }: KeyPair): string => toBin(rawKey(publicKey, curve))

export function governanceVectors({ hash, params, registrar, devices, validators, candidate, node }: Cast): Record<string, unknown> {
  const approvals = (message: Uint8Array) => validators.map((pair) => ({ validator: raw(pair), signature: sign(message, pair) }))

  const enrols = { registrar: toBin(registrar.publicKey), expiryHeight: 1_000, devices: devices.map(({ publicKey }) => toBin(publicKey)).sort() }
  const enrolment = enrolmentTransaction(hash, { ...enrols, signature: sign(enrolmentMessage(hash, enrols), registrar) })

  const joins = (base: number): GovernanceTransaction => {
    const fields = { key: raw(candidate), nodeKey: raw(node), base, signedAt: 41, expiryHeight: 1_000 }
    const message = joinMessage(hash, fields)
    const signatures = { signature: sign(message, candidate), nodeSignature: sign(message, node) }
    return joinTransaction(hash, { ...fields, ...signatures, approvals: base === 0 ? [] : approvals(message) })
  }

  const leaves = { key: raw(validators[0]!), signedAt: 41, expiryHeight: 1_000 }
  const leave = leaveTransaction(hash, { ...leaves, signature: sign(leaveMessage(hash, leaves), validators[0]!) })

  const change = { paramsRoot: toBin(paramsRoot(params)), paramsSince: 0, activationHeight: 121, expiryHeight: 1_000, params: { ...params, threshold: 3 } }
  const parameters = parametersTransaction(hash, { ...change, approvals: approvals(parametersMessage(hash, change)) })

  const vote = (blockId: string | null): Vote => {
    const statement = { height: 42, round: 1, type: 'precommit', blockId } as const
    return { ...statement, validator: raw(validators[1]!), signature: sign(voteMessage(hash, statement), validators[1]!) }
  }
  const evidence = evidenceTransaction(evidenceOf(vote(toBin(new Uint8Array(32).fill(0xcc))), vote(null))!)

  const shown = (transaction: GovernanceTransaction): unknown => ({
    kind: transaction.kind,
    signatures: transactionSignatures(transaction, hash).map(({ key, message, signature }) => ({ key: toHex(key), message: toHex(message), signature: toHex(signature) })),
    transaction: toHex(encodeTransaction(transaction)),
    id: toHex(fromBin(transaction.id)),
  })
  return {
    enrolment: shown(enrolment), join: shown(joins(0)), approvedJoin: shown(joins(2_000_000)), leave: shown(leave), parameters: shown(parameters), evidence: shown(evidence),
  }
}
