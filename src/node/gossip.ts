// What other nodes say: gossip and answers of rounds, decoded, checked, verified, and handed to the engine. The verdict
// tells whether to forward a message, and whether its sender broke the rules.

import { fromBin, toBin } from '../base/bytes.ts'
import { hasVote, teachesQuorum } from '../consensus/consensus.ts'
import { tagKey } from '../crypto/keys.ts'
import { markVerified } from '../crypto/verified.ts'
import { precheckHeartbeat, precheckTransaction } from '../engine/admission.ts'
import type { Engine } from '../engine/engine.ts'
import { isLateVote } from '../engine/late.ts'
import type { GossipVerdict } from '../network/gossip.ts'
import type { Topic } from '../network/topics.ts'
import type { Clock } from '../ops/clock.ts'
import { bundleMessage, decodeBundle } from '../protocol/bundle.ts'
import { decodeCompactProposal } from '../protocol/compact.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { decodeHeartbeat, HEARTBEAT_RECORD_SIZE, rowsOf } from '../protocol/heartbeat.ts'
import { MAX_VALIDATORS } from '../protocol/limits.ts'
import type { Reason } from '../protocol/reason.ts'
import { REASONS } from '../protocol/reason.ts'
import { decodeTransaction, transactionSignatures } from '../protocol/transaction.ts'
import type { Vote } from '../protocol/vote.ts'
import { decodeVote, VOTE_SIZE, voteMessage } from '../protocol/vote.ts'
import { validatorsAt } from '../ledger/validators-at.ts'
import { decodeAnnouncement } from './announcement.ts'
import type { Assembler } from './assembler.ts'
import type { ChainSync } from './chain-sync.ts'
import { FRAME } from './frames.ts'
import type { Runner } from './runner.ts'
import { checkCertificates } from './sync-check.ts'
import type { VerifyPool } from './verify-pool.ts'
import { isBusy } from './verify-pool.ts'

export interface GossipDependencies {
  readonly engine: Engine
  readonly runner: Pick<Runner, 'submit' | 'deliver'>
  readonly pool: VerifyPool
  readonly assembler: Assembler
  readonly sync: ChainSync
  readonly clock: Clock
  readonly observe: (kind: 'heartbeat' | 'transaction', reason: Reason | null, count: number) => void
}

export interface Gossip {
  receive(topic: Topic, data: Uint8Array, from: string): Promise<GossipVerdict>
  /** A frame of an answer of rounds.ts. */
  frame(data: Uint8Array, from: string): Promise<GossipVerdict>
}

const ACCEPT: GossipVerdict = { verdict: 'accept' }
const ignore = (reason: string): GossipVerdict => ({ verdict: 'ignore', reason })
const reject = (reason: string): GossipVerdict => ({ verdict: 'reject', reason })
const verdictOf = (reason: Reason): GossipVerdict => ({ verdict: REASONS[reason].verdict, reason })

export function createGossip({ engine, runner, pool, assembler, sync, clock, observe }: GossipDependencies): Gossip {
  const { genesisHash } = engine.ledger

  async function heartbeats(data: Uint8Array): Promise<GossipVerdict> {
    // They would be too old, or in a block already, before this node can use them.
    if (sync.status().syncing) return ignore('syncing')
    const bundle = decodeBundle(data)
    if (!bundle.ok) return reject(bundle.error)
    const { witness, signature, records } = bundle.value
    const nowMs = clock.nowMs()
    const all: Heartbeat[] = []
    const wanted: number[] = []
    for (let at = 0; at < records.length; at += HEARTBEAT_RECORD_SIZE) {
      const heartbeat = decodeHeartbeat(records.slice(at, at + HEARTBEAT_RECORD_SIZE), '')
      if (heartbeat === null) return reject('malformed')
      const reason = precheckHeartbeat(engine, heartbeat, nowMs)
      if (reason === null) wanted.push(all.length)
      else observe('heartbeat', reason, 1)
      all.push(heartbeat)
    }
    if (wanted.length === 0) return ignore('nothing_new')
    // Each peer could fill the queue alone. What a proposal names and this node lacks, it asks for.
    if (isBusy(pool, all.length, 'peer')) return ignore('busy')
    // What is not wanted here, too: others may want it, by their clocks, and whoever forwards a forged one pays for it.
    const rows = rowsOf(all.map(({ record }) => record), genesisHash)
    const vouched = { message: bundleMessage(genesisHash, records), signature, key: tagKey('ed25519', witness) }
    const [[signed], { valid, hashes }] = await Promise.all([pool.signatures([vouched]), pool.heartbeats(rows)])
    if (signed !== true || !valid.every((bit) => bit === 1)) return reject('bad_signature')
    const verified = wanted.map((i) => markVerified({ ...all[i]!, name: toBin(hashes.subarray(i * 64 + 32, i * 64 + 64)) }))
    const verdicts = await runner.submit((ticket) => ({ kind: 'heartbeats', heartbeats: verified, ticket }))
    for (const verdict of verdicts) observe('heartbeat', verdict.accepted ? null : verdict.reason, 1)
    return verdicts.some(({ accepted }) => accepted) ? ACCEPT : ignore('nothing_new')
  }

  async function transfers(data: Uint8Array): Promise<GossipVerdict> {
    const transaction = decodeTransaction(data, genesisHash)
    if (transaction === null) return reject('malformed')
    const reason = precheckTransaction(engine, transaction, clock.nowMs())
    if (reason !== null) return verdictOf(reason)
    if ((await pool.signatures(transactionSignatures(transaction, genesisHash))).includes(false)) return reject('bad_signature')
    const [verdict] = await runner.submit((ticket) => ({ kind: 'transaction', transaction: markVerified(transaction), ticket }))
    if (verdict === undefined) return ignore('draining')
    observe('transaction', verdict.accepted ? null : verdict.reason, 1)
    return verdict.accepted ? ACCEPT : verdictOf(verdict.reason)
  }

  /** Null if the votes are of a height that we do not decide, or known already; false if a signature is wrong. */
  async function verifyVotes(votes: readonly Vote[]): Promise<boolean | null> {
    const { consensus, ledger } = engine
    const near = votes.every((vote) => vote.height === consensus.height || vote.height === consensus.height + 1 || isLateVote(engine, vote))
    const members = votes.every(({ height, validator }) => height === ledger.height || ledger.validators.some(({ key }) => key === validator))
    if (!near || !members) return null
    const items = votes.map((vote) => ({ message: voteMessage(genesisHash, vote), signature: vote.signature, key: tagKey('ed25519', fromBin(vote.validator)) }))
    return !(await pool.signatures(items)).includes(false)
  }

  async function vote(data: Uint8Array): Promise<GossipVerdict> {
    const decoded = decodeVote(data)
    if (!decoded.ok) return reject(decoded.error)
    if (decoded.value.height === engine.consensus.height && hasVote(engine.consensus, decoded.value)) return ignore('duplicate')
    const valid = await verifyVotes([decoded.value])
    if (valid !== true) return valid === null ? ignore('height') : reject('bad_signature')
    runner.deliver({ kind: 'vote', vote: markVerified(decoded.value) })
    return ACCEPT
  }

  async function quorum(data: Uint8Array): Promise<GossipVerdict> {
    const votes: Vote[] = []
    for (let at = 0; at < data.length; at += VOTE_SIZE) {
      const decoded = decodeVote(data.subarray(at, at + VOTE_SIZE))
      if (!decoded.ok) return reject(decoded.error)
      votes.push(decoded.value)
    }
    // At the end of an epoch an honest answer may come from a larger set than ours is by now.
    if (votes.length > MAX_VALIDATORS) return reject('malformed')
    if (votes[0]?.height === engine.consensus.height && !teachesQuorum(engine.consensus, votes)) return ignore('nothing_new')
    const valid = await verifyVotes(votes)
    if (valid !== true) return valid === null ? ignore('height') : reject('bad_signature')
    runner.deliver({ kind: 'quorum', votes: votes.map(markVerified) })
    return ACCEPT
  }

  async function proposal(data: Uint8Array, from: string): Promise<GossipVerdict> {
    const compact = decodeCompactProposal(data, genesisHash)
    return compact.ok ? assembler.receive(compact.value, from) : reject(compact.error)
  }

  /** The certificate of a block that we may be deciding: its votes decide it here too. */
  async function announcement(data: Uint8Array, from: string): Promise<GossipVerdict> {
    const decoded = decodeAnnouncement(data)
    if (!decoded.ok) return reject(decoded.error)
    const { header, certificate } = decoded.value
    const { ledger } = engine
    if (header.height <= ledger.height) return ignore('old')
    const validators = validatorsAt(ledger, header.height)
    if (validators === null) {
      // In a later epoch the validators may be others: what we cannot judge we do not forward, but a hint it is.
      sync.noteAnnounced(from, header.height, false)
      return ignore('height')
    }
    const [valid] = await checkCertificates([{ certificate, validators }], genesisHash, pool)
    if (valid !== true) return reject('bad_certificate')
    sync.noteAnnounced(from, header.height, true)
    if (header.height !== engine.consensus.height) return ACCEPT
    const votes = certificate.signatures.map(({ validator, signature }): Vote => ({
      height: certificate.height,
      round: certificate.round,
      type: 'precommit',
      blockId: certificate.blockId,
      validator: validators[validator]!.key,
      signature,
    }))
    runner.deliver({ kind: 'quorum', votes: votes.map(markVerified) })
    return ACCEPT
  }

  async function frame(data: Uint8Array, from: string): Promise<GossipVerdict> {
    const payload = data.subarray(1)
    switch (data[0]) {
      case FRAME.vote:
        return vote(payload)
      case FRAME.proposal:
        return proposal(payload, from)
      case FRAME.quorum:
        return quorum(payload)
      case FRAME.announcement:
        return announcement(payload, from)
      default:
        return reject('malformed')
    }
  }

  return {
    frame,
    receive(topic, data, from) {
      switch (topic) {
        case 'heartbeats':
          return heartbeats(data)
        case 'transfers':
          return transfers(data)
        default:
          return frame(data, from)
      }
    },
  }
}
