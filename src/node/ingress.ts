// The door for clients: what they submit becomes decoded, checked and verified, or a reason why not. (That for peers is gossip.ts.)
// Cheap checks come first, and nothing is remembered before its signature was verified.

import type { Bin } from '../base/bytes.ts'
import { equalBytes, fromBin, toBin, toHex } from '../base/bytes.ts'
import { markVerified } from '../crypto/verified.ts'
import { precheckHeartbeat, precheckTransaction } from '../engine/admission.ts'
import type { Verdict } from '../engine/effect.ts'
import type { Engine } from '../engine/engine.ts'
import type { Clock } from '../ops/clock.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { decodeHeartbeat, heartbeatEvidence, HEARTBEAT_RECORD_SIZE, HEARTBEAT_ROW_SIZE, heartbeatWitness, recordOfRow } from '../protocol/heartbeat.ts'
import type { Reason } from '../protocol/reason.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { decodeTransaction, transactionFromMessage, transactionId, transactionSignatures } from '../protocol/transaction.ts'
import type { Vitals } from '../protocol/vitals.ts'
import { evidenceOf, levelsOf, vitalsInRange } from '../protocol/vitals.ts'
import type { DeviceLimiter } from './device-limiter.ts'
import type { Outgoing } from './peer-port.ts'
import type { Runner } from './runner.ts'
import type { VerifyPool } from './verify-pool.ts'
import { isBusy } from './verify-pool.ts'

export interface VitalsWithNonce extends Vitals {
  readonly nonce: Uint8Array
}

export type ItemVerdict =
  | { readonly accepted: true; /** hex */ readonly id: string; readonly weightPpm: number }
  | { readonly accepted: false; readonly reason: Reason }

export interface IngressDependencies {
  readonly engine: Engine
  readonly runner: Pick<Runner, 'submit'>
  readonly pool: VerifyPool
  readonly clock: Clock
  /** Node key of this node, 32 bytes: heartbeats that come to this door must name it as their witness. */
  readonly witness: Bin
  /** By device key and by sender. */
  readonly limiters: { readonly heartbeats: DeviceLimiter; readonly transfers: DeviceLimiter }
  /** Tells peers what was accepted here. */
  readonly outgoing: Pick<Outgoing, 'heartbeats' | 'transaction'>
  /** Counts what became of every item. */
  readonly observe: (kind: 'heartbeat' | 'transaction', reason: Reason | null, count: number) => void
}

export interface Ingress {
  /** @param rows n × 245 bytes: message ‖ signature. @param vitals one per row, null if not sent */
  heartbeats(rows: Uint8Array, vitals: readonly (VitalsWithNonce | null)[]): Promise<ItemVerdict[]>
  /** A transfer, as its sender signed it. */
  transaction(message: Uint8Array, signature: Uint8Array): Promise<ItemVerdict>
  /** A transaction of any kind, encoded as in a block. */
  encodedTransaction(bytes: Uint8Array): Promise<ItemVerdict>
  /** From now on everything is refused as `draining`. */
  drain(): void
}

const refused = (reason: Reason): ItemVerdict => ({ accepted: false, reason })

export function createIngress({ engine, runner, pool, clock, witness, limiters, observe, outgoing }: IngressDependencies): Ingress {
  const { genesisHash } = engine.ledger
  const witnessKey = fromBin(witness)
  let draining = false

  /** Everything that can be known of a row without its signature. The name is filled in when it is verified. */
  function precheck(row: Uint8Array, vitals: VitalsWithNonce | null, nowMs: number): Heartbeat | Reason {
    const record = recordOfRow(row, genesisHash)
    if (!record.ok) return record.error
    const heartbeat = decodeHeartbeat(record.value, '')
    if (heartbeat === null) return 'malformed'
    if (!equalBytes(heartbeatWitness(heartbeat.record), witnessKey)) return 'wrong_witness'
    return (vitals === null ? null : checkVitals(heartbeat, vitals)) ?? precheckHeartbeat(engine, heartbeat, nowMs) ?? heartbeat
  }

  async function heartbeats(rows: Uint8Array, vitals: readonly (VitalsWithNonce | null)[]): Promise<ItemVerdict[]> {
    const nowMs = clock.nowMs()
    const count = rows.length / HEARTBEAT_ROW_SIZE
    const verdicts: ItemVerdict[] = new Array<ItemVerdict>(count)
    const candidates: { readonly position: number; readonly heartbeat: Heartbeat }[] = []
    const toVerify = new Uint8Array(rows.length)
    const closed = draining ? 'draining' : isBusy(pool, count, 'client') ? 'mempool_full' : null
    for (let position = 0; position < count; position++) {
      const row = rows.subarray(position * HEARTBEAT_ROW_SIZE, (position + 1) * HEARTBEAT_ROW_SIZE)
      const checked = closed ?? precheck(row, vitals[position] ?? null, nowMs)
      if (typeof checked === 'string') verdicts[position] = refused(checked)
      else {
        toVerify.set(row, candidates.length * HEARTBEAT_ROW_SIZE)
        candidates.push({ position, heartbeat: checked })
      }
    }
    const { valid, hashes } = await pool.heartbeats(toVerify.subarray(0, candidates.length * HEARTBEAT_ROW_SIZE))
    const passed: number[] = []
    candidates.forEach(({ position, heartbeat }, i) => {
      if (valid[i] !== 1) verdicts[position] = refused('bad_signature')
      else if (!limiters.heartbeats.take(heartbeat.device, nowMs)) verdicts[position] = refused('too_fast')
      else passed.push(i)
    })
    if (passed.length > 0) {
      // Memory of their own: a heartbeat that waits must not keep the whole batch that it came in.
      const records = new Uint8Array(passed.length * HEARTBEAT_RECORD_SIZE)
      const verified = passed.map((i, slot) => {
        const { heartbeat } = candidates[i]!
        const record = records.subarray(slot * HEARTBEAT_RECORD_SIZE, (slot + 1) * HEARTBEAT_RECORD_SIZE)
        record.set(heartbeat.record)
        return markVerified({ ...heartbeat, record, name: toBin(hashes.subarray(i * 64 + 32, (i + 1) * 64)) })
      })
      const answers = await runner.submit((ticket) => ({ kind: 'heartbeats', heartbeats: verified, ticket }))
      passed.forEach((i, slot) => (verdicts[candidates[i]!.position] = withId(answers[slot], toHex(hashes.subarray(i * 64, i * 64 + 32)))))
      outgoing.heartbeats(verified.filter((_, i) => answers[i]?.accepted === true))
    }
    for (const verdict of verdicts) observe('heartbeat', verdict.accepted ? null : verdict.reason, 1)
    return verdicts
  }

  async function transaction(message: Uint8Array, signature: Uint8Array): Promise<ItemVerdict> {
    const decoded = transactionFromMessage(message, signature, genesisHash)
    return observed(decoded.ok ? await judgeTransaction(decoded.value) : refused(decoded.error))
  }

  async function encodedTransaction(bytes: Uint8Array): Promise<ItemVerdict> {
    const decoded = decodeTransaction(bytes, genesisHash)
    return observed(decoded === null ? refused('malformed') : await judgeTransaction(decoded))
  }

  function observed(verdict: ItemVerdict): ItemVerdict {
    observe('transaction', verdict.accepted ? null : verdict.reason, 1)
    return verdict
  }

  async function judgeTransaction(decoded: Transaction): Promise<ItemVerdict> {
    if (draining) return refused('draining')
    const reason = precheckTransaction(engine, decoded, clock.nowMs())
    if (reason !== null) return refused(reason)
    const signatures = transactionSignatures(decoded, genesisHash)
    if ((await pool.signatures(signatures)).includes(false)) return refused('bad_signature')
    if (!limiters.transfers.take(toBin(signatures[0]!.key), clock.nowMs())) return refused('too_fast')
    const verified = markVerified(decoded)
    const [verdict] = await runner.submit((ticket) => ({ kind: 'transaction', transaction: verified, ticket }))
    if (verdict?.accepted === true) outgoing.transaction(verified)
    return withId(verdict, toHex(fromBin(transactionId(verified))))
  }

  return { heartbeats, transaction, encodedTransaction, drain: () => void (draining = true) }
}

function checkVitals(heartbeat: Heartbeat, vitals: VitalsWithNonce): Reason | null {
  if (!vitalsInRange(vitals)) return 'out_of_range'
  if (!equalBytes(evidenceOf(vitals, vitals.nonce), heartbeatEvidence(heartbeat.record))) return 'evidence_mismatch'
  const levels = levelsOf(vitals)
  return levels.rateLevel === heartbeat.rateLevel && levels.motionLevel === heartbeat.motionLevel ? null : 'levels_mismatch'
}

/** A runner that has stopped answers nothing. */
function withId(verdict: Verdict | undefined, id: string): ItemVerdict {
  if (verdict === undefined) return refused('draining')
  return verdict.accepted ? { accepted: true, id, weightPpm: verdict.weightPpm } : refused(verdict.reason)
}

