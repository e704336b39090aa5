// When this node may sign. Its record of what it signed can be old: a volume that was restored from a backup, a key that
// was copied while the first machine lives on. A contradiction costs the validator its place for good, so:
//
// - After a start nothing is signed before validators with more than 2/3 of the power, ours counted, have told a height
//   that is not ahead of ours. Where a block can be decided at all, that many are there to ask.
// - Then the record must reach to the height before: what was signed since cannot be missing. If it does not, two blocks
//   in a row must be committed without our signature from then on, so that nobody else is signing with our key. Or the
//   height must stand still for a while without a vote of ours: a network that cannot go on without us must not wait for ever.
// - If a vote of ours is seen that we know nothing of, somebody else is signing. The record counts for nothing then.
//
// Votes that are due meanwhile are held, the last ones, and signed when the doubt is over.

import type { Bin } from '../base/bytes.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Params } from '../protocol/params.ts'
import type { Validator, ValidatorSet } from '../protocol/validators.ts'
import { isQuorum, totalPower } from '../protocol/validators.ts'
import type { Vote, VoteStatement } from '../protocol/vote.ts'
import type { Caution } from './caution-state.ts'
import type { Effect } from './effect.ts'
import type { Engine } from './engine.ts'

/** Blocks in a row without our signature that show that nobody signs with our key. */
const BLOCKS_WITHOUT = 2
/** As many times the timeouts of a whole round show it as well. */
const STILL_ROUNDS = 4
const STEPS = { prevote: 2, precommit: 3 } as const

export const stillMs = ({ timeoutProposeMs, timeoutVoteMs }: Params): number => STILL_ROUNDS * (timeoutProposeMs + 2 * timeoutVoteMs)

/** Asked whenever there is something to sign. Once the record is trusted, it stays so until a vote contradicts it. */
export function maySign(engine: Engine, nowMs: number): boolean {
  const { caution, consensus, ledger } = engine
  if (caution.trusted) return true
  if (!hasCaughtUp(engine)) return false
  caution.stillSinceMs ??= nowMs
  caution.without ??= 0
  const reaches = !caution.doubted && caution.signed.height >= consensus.height - 1
  caution.trusted = reaches || caution.without >= BLOCKS_WITHOUT || nowMs - caution.stillSinceMs >= stillMs(ledger.params)
  if (caution.trusted) caution.doubted = false
  return caution.trusted
}

function hasCaughtUp({ caution, ledger, self }: Engine): boolean {
  const isThere = ({ key, nodeKey }: Validator): boolean => key === self || (caution.heads.get(nodeKey) ?? Infinity) <= ledger.height
  return isQuorum(totalPower(ledger.validators.filter(isThere)), totalPower(ledger.validators))
}

/** @param nodeKey of whoever says so; only validators are remembered */
export function noteHead({ caution, ledger }: Engine, nodeKey: Bin, height: number): void {
  if (!caution.trusted && ledger.validators.some((validator) => validator.nodeKey === nodeKey)) caution.heads.set(nodeKey, height)
}

/** Signs now, or holds what is to be signed. */
export function signOrHold(engine: Engine, statement: VoteStatement, nowMs: number, effects: Effect[]): void {
  const { caution, ledger } = engine
  caution.held = [...caution.held.filter(({ round }) => round === statement.round), statement]
  if (!maySign(engine, nowMs)) effects.push({ kind: 'schedule', timer: { name: 'caution', height: statement.height }, delayMs: stillMs(ledger.params) })
  else release(engine, nowMs, effects)
}

/** Signs what was held, if the doubt is over. */
export function release(engine: Engine, nowMs: number, effects: Effect[]): void {
  const { caution } = engine
  if (caution.held.length === 0 || !maySign(engine, nowMs)) return
  for (const statement of caution.held) {
    noteSigned(engine, statement)
    effects.push({ kind: 'sign-vote', statement })
  }
  caution.held = []
}

/** We sign this now, or the log says that we did. */
function noteSigned({ caution }: Engine, statement: VoteStatement): void {
  if (isAfter(statement, caution)) caution.signed = { height: statement.height, round: statement.round, step: STEPS[statement.type] }
}

/** A vote with our key. @returns true if we know nothing of it */
export function noteOwnVote(engine: Engine, vote: Vote): boolean {
  const { caution } = engine
  const elsewhere = engine.phase !== 'replaying' && isAfter(vote, caution)
  if (elsewhere) {
    caution.trusted = false
    caution.doubted = true
    caution.without = 0
    caution.stillSinceMs = null
  }
  noteSigned(engine, vote)
  return elsewhere
}

/** @param set the validators of the block that was committed */
export function noteCommitted({ caution, self }: Engine, { height, signatures }: Certificate, set: ValidatorSet): void {
  // Who is no validator cannot have signed anything: a node that joins later knows all that there is.
  if (!set.some(({ key }) => key === self) && height > caution.signed.height) caution.signed = { height, round: 0, step: 0 }
  const signed = signatures.some(({ validator }) => set[validator]?.key === self)
  if (caution.without !== null) caution.without = signed ? 0 : caution.without + 1
  caution.stillSinceMs = null
  caution.held = []
}

function isAfter({ height, round, type }: VoteStatement, { signed }: Caution): boolean {
  if (height !== signed.height) return height > signed.height
  if (round !== signed.round) return round > signed.round
  return STEPS[type] > signed.step
}
