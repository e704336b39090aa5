// Those who govern: a registrar that enrols lives, validators that join, leave and come back, and majorities that change
// the parameters. Some of what they send is not as it should be.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import { tagKey } from '../crypto/keys.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Ledger } from '../ledger/state.ts'
import type { Approval } from '../protocol/approvals.ts'
import { enrolmentMessage } from '../protocol/enrolment.ts'
import { joinMessage, leaveMessage } from '../protocol/membership.ts'
import { parametersMessage } from '../protocol/parameters.ts'
import { paramsRoot } from '../protocol/params.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { enrolmentTransaction, joinTransaction, leaveTransaction, parametersTransaction } from '../protocol/transaction.ts'
import type { Host } from './host.ts'
import { OUTSIDE } from './network.ts'
import type { Prng } from './prng.ts'
import type { Scenario } from './scenario.ts'
import { fakeSignature } from './signer.ts'

const LIFE = 1_000_000
/** Something that must be refused, or is late. */
const ODD_PPM = 150_000

export class Governors {
  readonly #scenario: Scenario
  readonly #host: Host
  /** Of a node that is up. */
  readonly #ledgerOf: (node: number) => Ledger | null
  readonly #prng: Prng
  /** What was sent before: some of it comes again. */
  readonly #sent: GovernanceTransaction[] = []

  constructor(scenario: Scenario, host: Host, ledgerOf: (node: number) => Ledger | null, prng: Prng) {
    this.#scenario = scenario
    this.#host = host
    this.#ledgerOf = ledgerOf
    this.#prng = prng
    if (scenario.governEveryMs > 0) this.#governAgain()
  }

  #governAgain(): void {
    this.#host.after(this.#prng.between(1, 2 * this.#scenario.governEveryMs), () => {
      const ledger = this.#ledgerOf(this.#prng.pick(this.#host.nodes))
      const transaction = ledger === null ? null : this.#next(ledger)
      if (transaction !== null) {
        this.#sent.push(transaction)
        for (const node of this.#host.nodes) this.#host.send(OUTSIDE, node, { kind: 'transaction', transaction: markVerified(transaction) })
      }
      this.#governAgain()
    })
  }

  #next(ledger: Ledger): GovernanceTransaction | null {
    if (this.#sent.length > 0 && this.#prng.chance(ODD_PPM)) return this.#prng.pick(this.#sent)
    switch (this.#prng.below(4)) {
      case 0:
        return this.#enrolment(ledger)
      case 1:
        return this.#join(ledger)
      case 2:
        return this.#leave(ledger)
      default:
        return this.#parameters(ledger)
    }
  }

  #enrolment({ genesisHash, height }: Ledger): GovernanceTransaction {
    const { lives, registrar } = this.#scenario
    const stranger = tagKey('ed25519', this.#prng.bytes(32))
    const by = this.#prng.chance(ODD_PPM) ? stranger : registrar
    const devices = this.#prng.shuffled([...lives, stranger]).slice(0, this.#prng.between(1, 2)).map(toBin).sort()
    const fields = { registrar: toBin(by), expiryHeight: height + this.#prng.between(0, 10), devices }
    return enrolmentTransaction(genesisHash, { ...fields, signature: fakeSignature(by, enrolmentMessage(genesisHash, fields)) })
  }

  /** Whoever is no member, the villain too if it is barred. */
  #join(ledger: Ledger): GovernanceTransaction | null {
    const { genesisHash, height, governance } = ledger
    const outside = this.#scenario.members.filter(({ key }) => !governance.members.some((member) => member.key === key))
    if (outside.length === 0) return null
    const { key, nodeKey } = this.#prng.pick(outside)
    const base = this.#prng.chance(300_000) ? 0 : LIFE * this.#prng.between(1, 4)
    const fields = { key, nodeKey, base, signedAt: height, expiryHeight: height + this.#prng.between(0, 10) }
    const message = joinMessage(genesisHash, fields)
    return joinTransaction(genesisHash, {
      ...fields,
      signature: fakeSignature(fromBin(key), message),
      nodeSignature: fakeSignature(fromBin(nodeKey), message),
      approvals: base === 0 ? [] : this.#approvals(ledger, message),
    })
  }

  /** An honest validator leaves if the villain stays below a third without it. */
  #leave({ genesisHash, height, governance }: Ledger): GovernanceTransaction | null {
    const { members, villain } = this.#scenario
    const villainKey = villain === null ? null : members[villain]!.key
    const staying = governance.members.filter(({ key, leaving }) => !leaving && !governance.barred.includes(key))
    const villainBase = staying.find(({ key }) => key === villainKey)?.base ?? 0
    const total = staying.reduce((sum, { base }) => sum + base, 0)
    const free = staying.filter(({ key, base }) => key !== villainKey && 3 * villainBase < total - base && total > base)
    // The network must live on when one more is down.
    if (free.length === 0 || staying.length <= 3) return null
    const { key } = this.#prng.pick(free)
    const fields = { key, signedAt: height, expiryHeight: height + this.#prng.between(0, 10) }
    return leaveTransaction(genesisHash, { ...fields, signature: fakeSignature(fromBin(key), leaveMessage(genesisHash, fields)) })
  }

  #parameters(ledger: Ledger): GovernanceTransaction {
    const { genesisHash, height, params, governance } = ledger
    const fields = {
      paramsRoot: toBin(paramsRoot(params)),
      paramsSince: governance.paramsSince,
      activationHeight: height + this.#prng.between(1, 12),
      expiryHeight: height + this.#prng.between(0, 10),
      params: {
        ...params,
        epochBlocks: this.#prng.between(4, 8),
        lifeWindowEpochs: this.#prng.between(1, 3),
        maxHeartbeats: this.#prng.between(32, 64),
        rewardInitial: params.rewardInitial + BigInt(this.#prng.below(1_000)),
        aliveBlocks: this.#prng.between(4, 12),
      },
    }
    return parametersTransaction(genesisHash, { ...fields, approvals: this.#approvals(ledger, parametersMessage(genesisHash, fields)) })
  }

  /** Of most validators, or of too few. */
  #approvals({ validators }: Ledger, message: Uint8Array): Approval[] {
    const few = this.#prng.chance(ODD_PPM)
    const approving: Bin[] = validators.map(({ key }) => key).filter(() => this.#prng.chance(few ? 300_000 : 980_000))
    return approving.map((validator) => ({ validator, signature: fakeSignature(fromBin(validator), message) }))
  }
}
