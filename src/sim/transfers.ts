// What lives do with their rewards: they send, to each other, to themselves, to new accounts; too much, too late, or twice.

import { fromBin, toBin } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { tagKey } from '../crypto/keys.ts'
import type { Verified } from '../crypto/verified.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Ledger } from '../ledger/state.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { TRANSFER_KIND } from '../protocol/transaction.ts'
import type { Transfer } from '../protocol/transfer.ts'
import { signedTransfer, transferMessage } from '../protocol/transfer.ts'
import type { Life } from './hearts.ts'
import type { Host } from './host.ts'
import { OUTSIDE } from './network.ts'
import type { Prng } from './prng.ts'
import { fakeSignature } from './signer.ts'

const MAX_PAUSE_MS = 1_500
const MEMO = new Uint8Array(0)

export class Transfers {
  readonly #host: Host
  readonly #lives: readonly Life[]
  /** Of a node that is up. */
  readonly #ledgerOf: (node: number) => Ledger | null
  readonly #prng: Prng

  constructor(host: Host, lives: readonly Life[], ledgerOf: (node: number) => Ledger | null, prng: Prng) {
    this.#host = host
    this.#lives = lives
    this.#ledgerOf = ledgerOf
    this.#prng = prng
    this.#sendAgain()
  }

  #sendAgain(): void {
    this.#host.after(this.#prng.between(100, MAX_PAUSE_MS), () => {
      this.#send(this.#prng.pick(this.#lives))
      this.#sendAgain()
    })
  }

  #send(life: Life): void {
    const { nodes } = this.#host
    // A client reads its account from one node, which may lag.
    const ledger = this.#ledgerOf(this.#prng.pick(nodes))
    const account = ledger?.accounts.find(life.key)
    if (ledger === null || account == null) return
    const proper: Transfer = {
      sender: life.key,
      recipient: this.#recipient(life),
      amount: 1n + (account.balance * BigInt(this.#prng.below(700))) / 1_000n,
      nonce: account.nonce + (this.#prng.chance(200_000) ? 1 : 0),
      expiryHeight: ledger.height + this.#prng.between(1, 20),
      memo: MEMO,
    }
    const first = this.#signed(life, this.#prng.chance(100_000) ? this.#improper(proper, account.balance) : proper)
    const second = this.#prng.chance(300_000) ? this.#signed(life, this.#improper(proper, account.balance)) : null
    for (const node of nodes) {
      for (const transaction of second === null ? [first] : this.#prng.pick([[first], [second], [first, second], [second, first]])) {
        this.#host.send(OUTSIDE, node, { kind: 'transaction', transaction })
      }
    }
  }

  /** The same nonce again with other content, an amount that is not there, a height that has passed. */
  #improper(transfer: Transfer, balance: bigint): Transfer {
    switch (this.#prng.below(4)) {
      case 0:
        return { ...transfer, recipient: this.#prng.pick(this.#lives).key, amount: transfer.amount + 1n }
      case 1:
        return { ...transfer, amount: balance + BigInt(this.#prng.between(1, 1_000)) }
      case 2:
        return { ...transfer, expiryHeight: transfer.expiryHeight - 21 > 0 ? transfer.expiryHeight - 21 : 0 }
      default:
        return { ...transfer, nonce: transfer.nonce + 2 }
    }
  }

  #recipient(life: Life): KeyBin {
    if (this.#prng.chance(150_000)) return life.key
    if (this.#prng.chance(250_000)) return toBin(tagKey('ed25519', this.#prng.bytes(32)))
    return this.#prng.pick(this.#lives).key
  }

  #signed(life: Life, transfer: Transfer): Verified<Transaction> {
    const { genesisHash } = this.#host
    const signature = fakeSignature(fromBin(life.key), transferMessage(genesisHash, transfer))
    return markVerified({ kind: TRANSFER_KIND, transfer: signedTransfer(genesisHash, transfer, signature) })
  }
}

