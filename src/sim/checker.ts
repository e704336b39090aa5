// Judges the world: agreement, validity, certificates, turns, supply, and what honest nodes sign. Its arithmetic is its own
// (model.ts, turns.ts, votes-checker.ts).

import type { Bin } from '../base/bytes.ts'
import { binToHex, equalBytes, fromBin, toBin } from '../base/bytes.ts'
import type { Block } from '../protocol/block.ts'
import { bodyRoot } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { certificateRoot } from '../protocol/certificate.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash } from '../protocol/genesis.ts'
import { headerId } from '../protocol/header.ts'
import type { Proposal } from '../protocol/proposal.ts'
import type { Vote } from '../protocol/vote.ts'
import { voteMessage } from '../protocol/vote.ts'
import type { Voter } from './epochs.ts'
import type { Complain } from './model.ts'
import { Model } from './model.ts'
import { fakeSignature } from './signer.ts'
import { Turns } from './turns.ts'
import type { VoteOffence } from './votes-checker.ts'
import { VotesChecker } from './votes-checker.ts'

export type ViolationKind =
  | VoteOffence
  | Parameters<Complain>[0]
  /** Two blocks at one height. */
  | 'agreement'
  /** A block that does not go with its parent or with its own header. */
  | 'parent'
  | 'body'
  | 'certificate'
  /** A block of somebody whose turn it was not, or all blocks of one. */
  | 'turn'
  /** A node's accounts are not those of the model. */
  | 'balance'
  /** A node's validators or their powers are not those of the model. */
  | 'power'
  /** The log does not restore what the node was. */
  | 'replay'
  /** A block that leaves most lives out was decided at once. */
  | 'omission'
  | 'stall'
  | 'exception'

export interface Violation {
  readonly kind: ViolationKind
  readonly height: number
  readonly text: string
}

/** What a node says of its ledger. */
export interface LedgerView {
  readonly height: number
  readonly supply: bigint
  readonly accounts: readonly { readonly key: Bin; readonly balance: bigint; readonly nonce: number }[]
  /** Of the next height. */
  readonly validators: readonly { readonly key: Bin; readonly power: number }[]
}

export class Checker {
  readonly violations: Violation[] = []
  readonly votes: VotesChecker
  /** Decided blocks, from height 1. */
  readonly chain: { readonly id: Bin; readonly block: Block }[] = []
  readonly #genesisHash: Uint8Array
  /** By height − 1: who votes there. */
  readonly #voters: (readonly Voter[])[]
  readonly #model: Model
  readonly #turns: Turns
  readonly #villain: number | null
  /** Balances and nonces by height, from the genesis. */
  readonly #balances: { readonly supply: bigint; readonly accounts: ReadonlyMap<Bin, string> }[] = []

  /** @param keys validator keys of the nodes; not all of them are validators from the start */
  constructor(genesis: Genesis, keys: readonly Bin[], villain: number | null) {
    this.#genesisHash = genesisHash(genesis)
    this.#model = new Model(genesis)
    this.#voters = [this.#model.epochs.voters]
    this.#turns = new Turns(this.#model.epochs.voters)
    this.#villain = villain
    const powerOf = (node: number, height: number): bigint => this.#votersAt(height).find(({ key }) => key === keys[node])?.power ?? 0n
    this.votes = new VotesChecker(powerOf, (height) => totalOf(this.#votersAt(height)), (kind, height, text) => this.complain(kind, height, text))
    this.#remember()
  }

  complain(kind: ViolationKind, height: number, text: string): void {
    this.violations.push({ kind, height, text })
  }

  signedProposal(node: number, proposal: Proposal): void {
    this.votes.proposal(node, proposal)
  }

  signedVote(node: number, vote: Vote): void {
    this.votes.vote(node, vote, node !== this.#villain)
  }

  /** @param stored how many blocks the node has now */
  committed(node: number, id: Bin, block: Block, certificate: Certificate, stored: number): void {
    const { height } = block.header
    if (height !== stored) this.complain('parent', height, `node ${node} stores it as its block ${stored}`)
    this.#certificate(certificate, height, id, `of node ${node}`)
    const decided = this.chain[height - 1]
    if (decided === undefined) this.#extend(id, block, certificate)
    else if (decided.id !== id || headerId(block.header) !== id) this.complain('agreement', height, `node ${node} decides another block`)
  }

  applied(node: number, { height, supply, accounts, validators }: LedgerView): void {
    const expected = this.#balances[height]
    if (expected === undefined) {
      this.complain('agreement', height, `node ${node} is at a height that nobody decided`)
      return
    }
    if (supply !== expected.supply) this.complain('balance', height, `node ${node} has a supply of ${supply} instead of ${expected.supply}`)
    if (accounts.length !== expected.accounts.size) this.complain('balance', height, `node ${node} has ${accounts.length} accounts`)
    const voters = this.#votersAt(height + 1)
    const agrees = validators.length === voters.length && validators.every(({ key, power }, i) => key === voters[i]!.key && BigInt(power) === voters[i]!.power)
    if (!agrees) this.complain('power', height, `node ${node} gives ${asText(validators)} instead of ${asText(voters)}`)
    for (const account of accounts) {
      const [holds, should] = [holding(account), expected.accounts.get(account.key)]
      if (holds !== should) this.complain('balance', height, `node ${node} has ${holds} instead of ${should}`)
    }
  }

  /** To be called at the end of a long run: work is shared, unless one has nearly all of it to do. */
  variety(): void {
    const voters = this.#votersAt(this.chain.length + 1)
    if (voters.some(({ power }) => power * 5n > totalOf(voters) * 4n)) return
    const proposers = new Set(this.chain.map(({ block }) => block.header.proposer))
    if (proposers.size < 2) this.complain('turn', this.chain.length, 'one validator proposed all blocks')
  }

  #extend(id: Bin, block: Block, certificate: Certificate): void {
    const { header, body } = block
    const { height } = header
    const parent = this.chain.at(-1)
    const complain: Complain = (kind, text) => this.complain(kind, height, text)
    const { parentCertificate } = body
    if (height !== this.chain.length + 1) this.complain('parent', height, `follows height ${this.chain.length}`)
    if (header.parentId !== (parent?.id ?? toBin(this.#genesisHash))) this.complain('parent', height, 'has another parent')
    const fits = headerId(header) === id && header.bodyRoot === toBin(bodyRoot(body)) && header.parentCertificateRoot === toBin(certificateRoot(parentCertificate))
    if (!fits) this.complain('body', height, 'id, header and body do not fit together')
    if ((parent === undefined) !== (parentCertificate === null)) this.complain('certificate', height, 'its parent has none, or too many')
    if (parent !== undefined && parentCertificate !== null) this.#certificate(parentCertificate, height - 1, parent.id, 'in the next block')
    if (!this.#turns.proposers(certificate.round).includes(header.proposer)) this.complain('turn', height, `its proposer had no turn up to round ${certificate.round}`)
    this.#turns.next()
    this.#model.apply(block, complain)
    const { voters } = this.#model.epochs
    if (voters !== this.#votersAt(height)) this.#turns.change(voters)
    this.#voters.push(voters)
    this.chain.push({ id, block })
    this.#remember()
  }

  #certificate({ height, round, blockId, signatures }: Certificate, expectedHeight: number, id: Bin, where: string): void {
    if (height !== expectedHeight || blockId !== id) this.complain('certificate', expectedHeight, `the one ${where} is for another block`)
    const message = voteMessage(this.#genesisHash, { height, round, type: 'precommit', blockId })
    const wrong = (text: string): void => this.complain('certificate', height, `the one ${where} ${text}`)
    const voters = this.#votersAt(height)
    let power = 0n
    let previous = -1
    for (const { validator, signature } of signatures) {
      const voter = voters[validator]
      if (validator <= previous || voter === undefined) wrong(`names validator ${validator} after ${previous}`)
      else if (!equalBytes(signature, fakeSignature(fromBin(voter.key), message))) wrong(`was not signed by validator ${validator}`)
      else power += voter.power
      previous = validator
    }
    const total = totalOf(voters)
    if (power * 3n <= total * 2n) wrong(`has ${power} of ${total}`)
  }

  #votersAt(height: number): readonly Voter[] {
    return this.#voters[height - 1] ?? []
  }

  #remember(): void {
    const accounts = new Map([...this.#model.accounts].map(([key, account]) => [key, holding(account)]))
    this.#balances.push({ supply: this.#model.supply, accounts })
  }
}

const totalOf = (voters: readonly Voter[]): bigint => voters.reduce((sum, { power }) => sum + power, 0n)
const asText = (voters: readonly { readonly key: Bin; readonly power: number | bigint }[]): string => voters.map(({ key, power }) => `${binToHex(key).slice(0, 4)}:${power}`).join(' ')
const holding = ({ balance, nonce }: { readonly balance: bigint; readonly nonce: number }): string => `${balance} after ${nonce} transfers`
