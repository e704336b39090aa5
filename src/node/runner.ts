// Runs the engine: one queue of inputs, one step at a time, effects carried out in order. Signing and writing ahead are
// synchronous, so nothing can slip between them; only storing a block is not, and comes back as an input.

import { assert, unreachable } from '../base/assert.ts'
import type { Bin } from '../base/bytes.ts'
import { binToHex, toHex } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Wal } from '../chain/wal.ts'
import { earlierVote } from '../engine/earlier.ts'
import type { Effect, Verdict } from '../engine/effect.ts'
import type { Engine } from '../engine/engine.ts'
import type { Input, LoggedEntry } from '../engine/input.ts'
import { replay } from '../engine/replay.ts'
import { step } from '../engine/step.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Clock } from '../ops/clock.ts'
import { Failure } from '../ops/failure.ts'
import type { Logger } from '../ops/logger.ts'
import type { Signer, SignerQuestion } from '../ops/signer.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { proposalMessage } from '../protocol/proposal.ts'
import type { Vote, VoteStatement } from '../protocol/vote.ts'
import { voteMessage } from '../protocol/vote.ts'
import type { Outgoing } from './peer-port.ts'
import { WalEncoder } from './wal-codec.ts'

/** What the runner tells to whom it may concern; must not throw. */
export interface RunnerEvents {
  /** The block is on disk, and the engine has gone on to the next height. */
  committed(executed: ExecutedBlock, certificate: Certificate): void
  round(height: number, round: number, proposer: Bin): void
  /** The node cannot go on. */
  failed(error: unknown): void
}

export interface RunnerDependencies {
  readonly engine: Engine
  readonly wal: Wal
  /** Null for a node without a validator key. */
  readonly signer: Signer | null
  /** Stores the block atomically; the ledger is still the one before it. */
  readonly store: (executed: ExecutedBlock, certificate: Certificate) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
  readonly events: RunnerEvents
  readonly outgoing: Pick<Outgoing, 'vote' | 'proposal' | 'transaction'>
}

export interface Runner {
  /** Replays the log of the next height, then lets the engine go. */
  start(entries: readonly LoggedEntry[]): void
  /** Answers with one verdict per item. */
  submit(make: (ticket: number) => Extract<Input, { kind: 'heartbeats' | 'transaction' }>): Promise<readonly Verdict[]>
  /** Hands over what others said; what it leads to shows in the effects. */
  deliver(input: Extract<Input, { kind: 'proposal' | 'vote' | 'quorum' | 'decided' | 'head' }>): void
  /** Ends at a boundary between two inputs, with nothing half stored. */
  stop(): Promise<void>
}

export function createRunner({ engine, wal, signer, store, clock, logger, events, outgoing }: RunnerDependencies): Runner {
  const queue: Input[] = []
  const tickets = new Map<number, (verdicts: readonly Verdict[]) => void>()
  const timers = new Set<{ cancel(): void }>()
  const { genesisHash } = engine.ledger
  let encoder = new WalEncoder()
  /** Height whose segment of the log is not begun yet: who catches up logs nothing, and should not wait for the disk twice. */
  let unbegun: number | null = null
  let nextTicket = 1
  let running = false
  let stopped = false
  let storing: Promise<void> = Promise.resolve()

  function enqueue(input: Input): void {
    queue.push(input)
    if (!running) drain()
  }

  function drain(): void {
    running = true
    try {
      for (let input = queue.shift(); input !== undefined && !stopped; input = queue.shift()) {
        const nowMs = clock.nowMs()
        for (const effect of step(engine, input, nowMs)) carryOut(effect, nowMs)
      }
    } catch (error) {
      fail(error)
    } finally {
      running = false
    }
  }

  function fail(error: unknown): void {
    if (stopped) return
    halt()
    events.failed(error)
  }

  function halt(): void {
    stopped = true
    for (const timer of timers) timer.cancel()
    for (const refuse of tickets.values()) refuse([])
    tickets.clear()
  }

  function carryOut(effect: Effect, nowMs: number): void {
    switch (effect.kind) {
      case 'log': {
        beginLog()
        const { kind, payload } = encoder.encode(effect.input, nowMs)
        wal.append(kind, payload)
        break
      }
      case 'sign-proposal': {
        const { statement, block } = effect
        const question = { height: statement.height, round: statement.round, step: 'proposal' } as const
        const signed = sign(question, proposalMessage(genesisHash, statement))
        if (signed !== null) {
          const proposal = { ...statement, proposer: signed.validator, signature: signed.signature }
          queue.push({ kind: 'proposal', proposed: markVerified({ proposal, block }) })
        }
        break
      }
      case 'sign-vote': {
        const { statement } = effect
        const question = { height: statement.height, round: statement.round, step: statement.type }
        const signed = sign(question, voteMessage(genesisHash, statement))
        const vote = signed !== null ? { ...statement, ...signed } : signedBefore(statement, question)
        if (vote !== null) queue.push({ kind: 'vote', vote: markVerified(vote) })
        break
      }
      case 'broadcast-proposal':
        wal.flush()
        outgoing.proposal(effect.proposed)
        break
      case 'broadcast-vote':
        wal.flush()
        outgoing.vote(effect.vote)
        break
      case 'broadcast-transaction':
        outgoing.transaction(effect.transaction)
        break
      case 'schedule': {
        const { timer, delayMs } = effect
        const handle = clock.after(delayMs, () => {
          timers.delete(handle)
          enqueue({ kind: 'timer', timer })
        })
        timers.add(handle)
        break
      }
      case 'commit':
        storing = persist(effect.executed, effect.certificate)
        break
      case 'verdicts':
        tickets.get(effect.ticket)?.(effect.verdicts)
        tickets.delete(effect.ticket)
        break
      case 'equivocation':
        logger.warn('Validator signed two different votes', { validator: binToHex(effect.first.validator), height: effect.first.height, round: effect.first.round })
        break
      case 'signed-elsewhere': {
        const { height, round, type } = effect.vote
        logger.error('Validator key signs elsewhere too: this node signs nothing until two blocks are committed without it', { height, round, type })
        break
      }
      case 'diverged': {
        const block = `block ${binToHex(effect.blockId)} of height ${effect.height}`
        fail(new Failure('diverged', `More than two thirds signed ${block}, which is not valid here`, 'Run verify, compare versions with other operators, and keep the data directory for study.'))
        break
      }
      case 'round':
        events.round(effect.height, effect.round, effect.proposer)
        break
      default:
        unreachable(effect)
    }
  }

  function beginLog(): void {
    if (unbegun !== null) wal.begin(unbegun)
    unbegun = null
  }

  /** Flushes the log, then signs. Null if the signer refuses: it knows of something that this process does not. */
  function sign(question: SignerQuestion, message: Uint8Array): { validator: Bin; signature: Uint8Array } | null {
    assert(signer !== null && engine.self !== null, 'only who has a validator key is asked to sign')
    wal.flush()
    const signature = signer.sign(question, message)
    if (signature.ok) return { validator: engine.self, signature: signature.value }
    logger.warn('Signer refused', { ...question, reason: signature.error })
    return null
  }

  /** Our own signature, made before a crash. */
  function signedBefore(statement: VoteStatement, question: SignerQuestion): Vote | null {
    const answer = signer?.earlier(question) ?? null
    return answer === null ? null : earlierVote(engine, statement, { ...answer, isOf: (message) => toHex(sha256(message)) === answer.messageHash })
  }

  async function persist(executed: ExecutedBlock, certificate: Certificate): Promise<void> {
    try {
      await store(executed, certificate)
    } catch (error) {
      fail(error)
      return
    }
    if (stopped) return
    const height = certificate.height
    for (const timer of timers) timer.cancel()
    timers.clear()
    encoder = new WalEncoder()
    unbegun = height + 1
    try {
      // Of what we decided ourselves the log keeps a trace: a database that has lost it is found out at the next start.
      if (engine.consensus.decision !== null) beginLog()
    } catch (error) {
      fail(error)
      return
    }
    enqueue({ kind: 'stored', height })
    events.committed(executed, certificate)
  }

  return {
    start(entries) {
      running = true
      try {
        for (const { input } of entries) encoder.remember(input)
        for (const { effect, nowMs } of replay(engine, entries, clock.nowMs())) carryOut(effect, nowMs)
      } catch (error) {
        fail(error)
      } finally {
        running = false
      }
      drain()
    },
    submit(make) {
      if (stopped) return Promise.resolve([])
      const ticket = nextTicket++
      return new Promise((resolve) => {
        tickets.set(ticket, resolve)
        enqueue(make(ticket))
      })
    },
    deliver(input) {
      if (!stopped) enqueue(input)
    },
    async stop() {
      halt()
      await storing
      wal.close()
    },
  }
}
