// The world: a clock that jumps from event to event, the nodes, what lies between them, and who watches.

import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Ledger } from '../ledger/state.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { genesisHash } from '../protocol/genesis.ts'
import type { Proposal } from '../protocol/proposal.ts'
import type { Vote } from '../protocol/vote.ts'
import { fromBin } from '../base/bytes.ts'
import { createEquivocator } from './byzantine/equivocator.ts'
import type { Omitter } from './byzantine/omitter.ts'
import { createOmitter } from './byzantine/omitter.ts'
import { Checker } from './checker.ts'
import { EventQueue } from './event-queue.ts'
import { Faults } from './faults.ts'
import { Hearts } from './hearts.ts'
import { Governors } from './governors.ts'
import type { Host } from './host.ts'
import type { Message } from './message.ts'
import { Network } from './network.ts'
import { SimNode } from './node.ts'
import { Prng } from './prng.ts'
import { replayDifference } from './replay-checker.ts'
import type { Watch } from './roles.ts'
import type { Scenario } from './scenario.ts'
import { CALM, GENESIS_TIME_MS } from './scenario.ts'
import type { Field } from './trace.ts'
import { Trace } from './trace.ts'
import { Transfers } from './transfers.ts'

const OFFER_MS = 600
/** After the faults, until every pool holds what the lives have sent. */
const SETTLE_MS = 10_000
/** More than this may not be missing from a block that was decided early: see engine/duty.ts. */
const MOST_OMITTED_PPM = 600_000
const MOST_ROUND_OMITTED = 1
const REPLAY_CHECK_MS = 10_000

export class World implements Host, Watch {
  readonly scenario: Scenario
  readonly genesisHash: Uint8Array
  readonly nodes: readonly number[]
  readonly members: readonly SimNode[]
  readonly network: Network
  readonly hearts: Hearts
  readonly faults: Faults
  readonly checker: Checker
  readonly log: Trace
  nowMs = GENESIS_TIME_MS
  readonly #queue = new EventQueue()
  readonly #replayPrng: Prng
  #omitter: Omitter | null = null
  #isCalm = false

  constructor(scenario: Scenario, traceLines: number) {
    const { seed, genesis, members, villain, villainy, lives } = scenario
    this.scenario = scenario
    this.genesisHash = genesisHash(genesis)
    this.nodes = members.map((_, index) => index)
    this.log = new Trace(traceLines)
    this.checker = new Checker(genesis, members.map(({ key }) => key), villain)
    this.network = new Network(scenario.storm, new Prng(seed, 'network'), (delayMs, run) => this.after(delayMs, run))
    const shared = { genesis, nodeKeys: members.map(({ nodeKey }) => nodeKey), host: this, watch: this, offerMs: OFFER_MS }
    this.members = members.map(({ key }, index) => new SimNode({ ...shared, index, key, prng: new Prng(seed, `node ${index}`) }))
    if (villain !== null) {
      const node = this.members[villain]!
      if (villainy === 'omitter') node.villain = this.#omitter = createOmitter(node, this, this)
      else node.villain = createEquivocator(node, this, this, new Prng(seed, 'villain'))
    }
    const witnesses = members.filter((_, index) => index !== villain).map(({ nodeKey }) => fromBin(nodeKey))
    this.hearts = new Hearts(this, lives, witnesses, new Prng(seed, 'hearts'))
    const ledgerOf = (node: number): Ledger | null => this.members[node]!.engine?.ledger ?? null
    new Transfers(this, this.hearts.lives, ledgerOf, new Prng(seed, 'transfers'))
    new Governors(scenario, this, ledgerOf, new Prng(seed, 'governors'))
    this.faults = new Faults(scenario, { host: this, nodes: this.members, network: this.network, hearts: this.hearts }, new Prng(seed, 'faults'))
    this.#replayPrng = new Prng(seed, 'replay')
    for (const node of this.members) this.after(0, () => node.start())
    this.#checkReplay()
  }

  get elapsedMs(): number {
    return this.nowMs - GENESIS_TIME_MS
  }

  /** Honest nodes. */
  get honest(): readonly SimNode[] {
    return this.members.filter(({ villain }) => villain === null)
  }

  /** Of the honest node that is furthest behind. */
  get lowestHeight(): number {
    return Math.min(...this.honest.map(({ store }) => store.head))
  }

  /** Lets time pass until it is enough, or something went wrong. @returns false if `limitMs` (elapsed) passed before */
  run(isEnough: () => boolean, limitMs: number): boolean {
    while (!isEnough() && this.checker.violations.length === 0) {
      if (this.#queue.nextMs - GENESIS_TIME_MS > limitMs) return false
      const event = this.#queue.pop()!
      this.nowMs = event.atMs
      try {
        event.run()
      } catch (error) {
        this.checker.complain('exception', this.lowestHeight, error instanceof Error ? (error.stack ?? error.message) : String(error))
      }
    }
    return true
  }

  /** The faults stop; only the villain goes on. */
  calmDown(): void {
    this.trace(-1, 'calm')
    this.network.weather = CALM
    this.faults.stop()
    this.after(SETTLE_MS, () => (this.#isCalm = true))
  }

  after(delayMs: number, run: () => void): void {
    this.#queue.push(this.nowMs + delayMs, run)
  }

  send(from: number, to: number, message: Message): void {
    this.network.send(from, to, () => this.members[to]!.receive(from, message))
  }

  trace(node: number, kind: string, ...fields: readonly Field[]): void {
    this.log.add(this.elapsedMs, node, kind, ...fields)
  }

  crashed(node: number): void {
    const downMs = this.faults.mayRestore(this.members[node]!) ? 0 : this.faults.downMs()
    this.after(downMs, () => this.members[node]!.start())
  }

  signedVote(node: number, vote: Vote): void {
    this.checker.signedVote(node, vote)
  }

  signedProposal(node: number, proposal: Proposal): void {
    this.checker.signedProposal(node, proposal)
  }

  committed(node: number, { id, block }: ExecutedBlock, certificate: Certificate): void {
    const { store } = this.members[node]!
    this.trace(node, 'commit', block.header.height, certificate.round, id)
    this.checker.committed(node, id, block, certificate, store.head)
    const omittedPpm = this.#omitter?.omittedPpm(id) ?? 0
    if (this.#isCalm && certificate.round <= MOST_ROUND_OMITTED && omittedPpm > MOST_OMITTED_PPM) {
      this.checker.complain('omission', block.header.height, `${omittedPpm} ppm of the lives were left out in round ${certificate.round}`)
    }
  }

  applied(node: number, { height, supply, accounts, validators }: Ledger): void {
    const all = Array.from({ length: accounts.count }, (_, index) => accounts.get(index)!)
    this.checker.applied(node, { height, supply, accounts: all, validators })
  }

  /** Now and then one node is asked what it would be after a crash. */
  #checkReplay(): void {
    this.after(this.#replayPrng.between(1, 2 * REPLAY_CHECK_MS), () => {
      const node = this.#replayPrng.pick(this.honest)
      const difference = replayDifference(node, this.scenario.genesis)
      if (difference !== null) this.checker.complain('replay', node.store.head + 1, `node ${node.index}: ${difference}`)
      this.#checkReplay()
    })
  }
}
