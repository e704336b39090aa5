// One node of the world: the real engine, run as src/node/runner.ts runs it, on a disk that survives and a clock that is
// wrong. It can crash between any two things that it does.

import { unreachable } from '../base/assert.ts'
import type { Bin } from '../base/bytes.ts'
import { toBin } from '../base/bytes.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Effect } from '../engine/effect.ts'
import { earlierVote } from '../engine/earlier.ts'
import type { Engine } from '../engine/engine.ts'
import { createEngine } from '../engine/engine.ts'
import type { Input } from '../engine/input.ts'
import { replay } from '../engine/replay.ts'
import { step } from '../engine/step.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Genesis } from '../protocol/genesis.ts'
import type { ProposalStatement } from '../protocol/proposal.ts'
import { proposalMessage } from '../protocol/proposal.ts'
import type { Reason } from '../protocol/reason.ts'
import type { Vote, VoteStatement } from '../protocol/vote.ts'
import { voteMessage } from '../protocol/vote.ts'
import type { NodeCounts } from './counts.ts'
import { noCounts } from './counts.ts'
import { answerTo, haveOf, MAX_BLOCKS } from './delivery.ts'
import type { StoredBlock } from './disk.ts'
import { BlockStore, MemoryWal } from './disk.ts'
import type { Host } from './host.ts'
import type { Have, Message } from './message.ts'
import type { Prng } from './prng.ts'
import type { Villain, Watch } from './roles.ts'
import type { SignerBackup, SignerQuestion } from './signer.ts'
import { MemorySigner } from './signer.ts'
import { fieldsOf } from './trace-fields.ts'

export interface NodeOptions {
  readonly index: number
  /** Validator key, 32 bytes. */
  readonly key: Bin
  /** Keys of all nodes, by index. */
  readonly nodeKeys: readonly Bin[]
  readonly genesis: Genesis
  readonly prng: Prng
  readonly host: Host
  readonly watch: Watch
  /** Time between two questions to a peer for what is missing. */
  readonly offerMs: number
}

const MEMPOOL = { maxHeartbeats: 1_000, maxTransactions: 1_000, maxBytes: 1 << 20, maxPerDevice: 36, maxPerSender: 16 }
const MAX_STORE_MS = 40

/** Thrown where a crash was to happen. */
const CRASH = new Error('crash')

export class SimNode {
  readonly index: number
  readonly key: Bin
  readonly store = new BlockStore()
  readonly wal = new MemoryWal()
  readonly signer: MemorySigner
  readonly counts: NodeCounts = noCounts()
  /** What this node's clock is ahead of the true time. */
  skewMs = 0
  /** Null while the node is down. */
  engine: Engine | null = null
  villain: Villain | null = null
  readonly #options: NodeOptions
  readonly #host: Host
  readonly #watch: Watch
  /** One more for each life of the process: what an earlier one scheduled is void. */
  #life = 0
  #queue: Input[] = []
  #running = false
  /** Moments that are left until a crash that was ordered. */
  #fuse: number | null = null
  #backup: { readonly head: number; readonly wal: ReturnType<MemoryWal['backup']>; readonly signer: SignerBackup } | null = null
  #storing: { readonly executed: ExecutedBlock; readonly certificate: Certificate } | null = null
  readonly #fetched = new Map<number, StoredBlock>()

  constructor(options: NodeOptions) {
    this.#options = options
    this.#host = options.host
    this.#watch = options.watch
    this.index = options.index
    this.key = options.key
    this.signer = new MemorySigner(options.key)
  }

  get nowMs(): number {
    return this.#host.nowMs + this.skewMs
  }

  start(): void {
    if (this.engine !== null) return
    this.#life++
    this.#guard(() => {
      const { ledger, headCertificate } = this.store.load(this.#options.genesis)
      this.#watch.applied(this.index, ledger)
      this.engine = createEngine({ ledger, headCertificate, self: this.key, mempool: MEMPOOL, signedHeight: this.signer.height, trusted: this.villain !== null || ledger.validators.length === 1 })
      this.signer.advanceTo(ledger.height + 1)
      const entries = this.wal.replay(ledger.height + 1)
      this.wal.begin(ledger.height + 1)
      this.#host.trace(this.index, 'start', ledger.height, entries.length)
      this.#running = true
      for (const { effect, nowMs } of replay(this.engine, entries, this.nowMs)) this.#carryOut(effect, nowMs)
      this.#drain()
    })
    if (this.engine !== null) {
      this.#ask()
      this.#offer()
    }
  }

  /** Orders a crash, after this many more moments of work; a moment lies between any two things that a node does. */
  orderCrash(moments: number): void {
    if (this.engine !== null) this.#fuse = moments
  }

  cancelCrash(): void {
    this.#fuse = null
  }

  receive(from: number, message: Message): void {
    const { engine } = this
    if (engine === null) return
    this.villain?.hear(message)
    switch (message.kind) {
      case 'have':
        this.#answer(engine, from, message.have)
        break
      case 'missing':
        for (const each of message.messages) this.submit(each)
        break
      case 'blocks':
        for (const stored of message.blocks) this.#fetched.set(stored.block.header.height, stored)
        this.#takeFetched()
        break
      case 'status':
        this.submit({ kind: 'head', nodeKey: this.#options.nodeKeys[from]!, height: message.height })
        if (message.asks) this.#host.send(this.index, from, { kind: 'status', height: engine.ledger.height, asks: false })
        break
      case 'heartbeats':
        this.submit({ kind: 'heartbeats', heartbeats: message.heartbeats, ticket: 0 })
        break
      case 'transaction':
        this.submit({ kind: 'transaction', transaction: message.transaction, ticket: 0 })
        break
      case 'proposal':
      case 'vote':
      case 'quorum':
        this.submit(message)
        break
      default:
        unreachable(message)
    }
  }

  submit(input: Input): void {
    if (this.engine === null) return
    this.#queue.push(input)
    if (!this.#running) this.#guard(() => this.#drain())
  }

  /** Writes down what a restored volume would hold. */
  backup(): void {
    this.#backup = { head: this.store.head, wal: this.wal.backup(), signer: this.signer.backup() }
  }

  /** Height of the backup, while the node is down. */
  get backupHeight(): number | null {
    return this.engine === null ? (this.#backup?.head ?? null) : null
  }

  /** The disk is again what it was when the backup was made. */
  restore(): void {
    const { head, wal, signer } = this.#backup!
    this.store.restore(head)
    this.wal.restore(wal)
    this.signer.restore(signer)
    this.counts.restored++
    this.#host.trace(this.index, 'restore', head)
  }

  /** Runs what may end in a crash. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (error !== CRASH) throw error
      this.#crash()
    } finally {
      this.#running = false
    }
  }

  #crash(): void {
    // Whether the block that was being written is there is the disk's affair.
    if (this.#storing !== null && this.#options.prng.chance(500_000)) this.#persist(this.#storing.executed, this.#storing.certificate)
    this.#storing = null
    this.engine = null
    this.#life++
    this.#queue = []
    this.#fuse = null
    this.#fetched.clear()
    this.wal.crash()
    this.counts.crashes++
    this.#host.trace(this.index, 'crash', this.store.head)
    this.#watch.crashed(this.index)
  }

  #moment(): void {
    if (this.#fuse === null) return
    if (this.#fuse <= 0) throw CRASH
    this.#fuse--
  }

  #after(delayMs: number, run: () => void): void {
    const life = this.#life
    this.#host.after(delayMs, () => {
      if (life === this.#life) this.#guard(run)
    })
  }

  #drain(): void {
    this.#running = true
    for (let input = this.#queue.shift(); input !== undefined; input = this.#queue.shift()) {
      const { nowMs } = this
      this.#host.trace(this.index, input.kind, ...fieldsOf(input))
      for (const effect of step(this.engine!, input, nowMs)) this.#carryOut(effect, nowMs)
      if (input.kind === 'stored') this.#watch.applied(this.index, this.engine!.ledger)
    }
    this.#running = false
  }

  #carryOut(effect: Effect, nowMs: number): void {
    this.#moment()
    switch (effect.kind) {
      case 'log':
        this.wal.append({ input: effect.input, nowMs })
        break
      case 'sign-proposal':
        if (this.villain === null) this.#signProposal(effect.statement, effect.block)
        else this.villain.propose(effect.statement, effect.block)
        break
      case 'sign-vote':
        if (this.villain === null) this.#signVote(effect.statement)
        else this.villain.vote(effect.statement)
        break
      case 'broadcast-proposal':
        this.#broadcast({ kind: 'proposal', proposed: markVerified(effect.proposed) })
        break
      case 'broadcast-vote':
        this.#broadcast({ kind: 'vote', vote: markVerified(effect.vote) })
        break
      case 'broadcast-transaction':
        this.#broadcast({ kind: 'transaction', transaction: effect.transaction })
        break
      case 'schedule':
        this.#after(effect.delayMs, () => {
          this.#queue.push({ kind: 'timer', timer: effect.timer })
          this.#drain()
        })
        break
      case 'commit':
        this.#storing = effect
        this.#after(this.#options.prng.below(MAX_STORE_MS), () => this.#storeBlock(effect.executed, effect.certificate))
        break
      case 'verdicts':
        for (const verdict of effect.verdicts) this.#count(verdict.accepted ? 'accepted' : verdict.reason)
        break
      case 'equivocation':
        this.counts.equivocations++
        break
      case 'signed-elsewhere':
        this.counts.signedElsewhere++
        break
      case 'diverged':
        throw new Error(`node ${this.index} finds the decided block of height ${effect.height} invalid`)
      case 'round':
        this.#host.trace(this.index, 'round', effect.height, effect.round)
        this.counts.maxRound = Math.max(this.counts.maxRound, effect.round)
        break
      default:
        unreachable(effect)
    }
  }

  #count(verdict: Reason | 'accepted'): void {
    this.counts.verdicts.set(verdict, (this.counts.verdicts.get(verdict) ?? 0) + 1)
  }

  #signProposal(statement: ProposalStatement, block: Block): void {
    const { height, round } = statement
    const signature = this.#sign({ height, round, step: 'proposal' }, proposalMessage(this.engine!.ledger.genesisHash, statement))
    if (signature === null) return
    const proposal = { ...statement, proposer: this.key, signature }
    this.#watch.signedProposal(this.index, proposal)
    this.#moment()
    this.#queue.push({ kind: 'proposal', proposed: markVerified({ proposal, block }) })
  }

  #signVote(statement: VoteStatement): void {
    const { height, round, type } = statement
    const question = { height, round, step: type }
    const signature = this.#sign(question, voteMessage(this.engine!.ledger.genesisHash, statement))
    const vote = signature !== null ? { ...statement, validator: this.key, signature } : this.#signedBefore(statement, question)
    if (vote === null) return
    this.#watch.signedVote(this.index, vote)
    this.#moment()
    this.#queue.push({ kind: 'vote', vote: markVerified(vote) })
  }

  #signedBefore(statement: VoteStatement, question: SignerQuestion): Vote | null {
    const answer = this.signer.earlier(question)
    return answer === null ? null : earlierVote(this.engine!, statement, { ...answer, isOf: (message) => toBin(message) === answer.message })
  }

  /** Flushes the log, then signs. Null if the signer refuses. */
  #sign(question: SignerQuestion, message: Uint8Array): Uint8Array | null {
    this.wal.flush()
    this.#moment()
    const signature = this.signer.sign(question, message)
    if (signature.ok) return signature.value
    this.counts.refusals++
    this.#host.trace(this.index, 'refused', question.height, question.round, question.step)
    return null
  }

  #broadcast(message: Message): void {
    if (this.villain !== null) return
    this.wal.flush()
    for (const to of this.#host.nodes) {
      if (to === this.index) continue
      this.#moment()
      this.#host.send(this.index, to, message)
    }
  }

  #storeBlock(executed: ExecutedBlock, certificate: Certificate): void {
    this.#moment()
    this.#persist(executed, certificate)
    this.#moment()
    const { height } = certificate
    this.wal.begin(height + 1)
    this.#moment()
    this.#queue.push({ kind: 'stored', height })
    this.#drain()
    this.#fetched.delete(height)
    this.#takeFetched()
  }

  #persist(executed: ExecutedBlock, certificate: Certificate): void {
    this.#storing = null
    this.store.push({ block: markVerified(executed.block), certificate: markVerified(certificate) })
    this.#watch.committed(this.index, executed, certificate)
  }

  #takeFetched(): void {
    const { height } = this.engine!.consensus
    for (const fetched of this.#fetched.keys()) if (fetched < height || fetched >= height + MAX_BLOCKS) this.#fetched.delete(fetched)
    const next = this.#fetched.get(height)
    if (next !== undefined) this.submit({ kind: 'decided', ...next })
  }

  /** Asks everybody how far they are, as the handshake of the network does. */
  #ask(): void {
    for (const to of this.#host.nodes) {
      if (to !== this.index) this.#host.send(this.index, to, { kind: 'status', height: this.engine!.ledger.height, asks: true })
    }
  }

  /** Asks a peer, and goes on asking. */
  #offer(): void {
    const { prng, offerMs } = this.#options
    const others = this.#host.nodes.filter((node) => node !== this.index)
    if (others.length === 0) return
    this.#after(prng.between(1, offerMs), () => {
      if (!this.engine!.caution.trusted) this.#ask()
      this.#host.send(this.index, prng.pick(others), { kind: 'have', have: haveOf(this.engine!) })
      this.#offer()
    })
  }

  #answer(engine: Engine, to: number, have: Have): void {
    const lie = this.villain?.answer(to, have) ?? null
    const answer = lie ?? answerTo(engine, this.store, have)
    if (answer !== null) this.#host.send(this.index, to, answer)
  }
}
