// What a validator has ever signed, read from its write-ahead log and its last-signed record. The checker that no two of
// them contradict has its own arithmetic: it trusts neither the signer nor the engine.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toBin, toHex } from '../../src/base/bytes.ts'
import { readSegment } from '../../src/chain/wal.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import { keyFromText, rawKey } from '../../src/crypto/keys.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import { WAL_KIND } from '../../src/node/wal-codec.ts'
import { decodeProposal, PROPOSAL_SIZE, proposalMessage } from '../../src/protocol/proposal.ts'
import { decodeVote, voteMessage } from '../../src/protocol/vote.ts'

interface Signed {
  /** SHA-256 of the signed message, hex. */
  readonly messageHash: string
  /** hex */
  readonly signature: string
}

const STEP_NAMES = ['', 'proposal', 'prevote', 'precommit'] as const

export class SignedMessages {
  readonly #genesisHash: Uint8Array
  readonly #bySlot = new Map<string, Signed>()
  /** One sentence each. */
  readonly contradictions: string[] = []
  /** Messages whose signature was read together with the message and does not fit. */
  readonly broken: string[] = []

  constructor(genesisHash: Uint8Array) {
    this.#genesisHash = genesisHash
  }

  /** Different (height, round, step) that were signed. */
  get count(): number {
    return this.#bySlot.size
  }

  /** Reads everything that lies in the data directory now. */
  collect(dataDir: string): void {
    const key = this.#readRecord(join(dataDir, 'last-signed.json'))
    const wal = join(dataDir, 'wal')
    if (!existsSync(wal)) return
    for (const name of readdirSync(wal).filter((name) => name.endsWith('.wal'))) {
      for (const { kind, payload } of readSegment(join(wal, name))) this.#readEntry(kind, payload.subarray(8), key)
    }
  }

  /** @returns the validator's tagged key */
  #readRecord(path: string): Uint8Array {
    const { publicKey, height, answers } = JSON.parse(readFileSync(path, 'utf8')) as {
      publicKey: string
      height: number
      answers: { round: number; step: number; messageHash: string; signature: string }[]
    }
    for (const { round, step, messageHash, signature } of answers) this.#add(height, round, STEP_NAMES[step]!, { messageHash, signature })
    return keyFromText(publicKey)!
  }

  #readEntry(kind: number, payload: Uint8Array, key: Uint8Array): void {
    const self = toBin(rawKey(key, 'ed25519'))
    if (kind === WAL_KIND.proposal) {
      const proposal = decodeProposal(payload.subarray(0, PROPOSAL_SIZE))
      if (!proposal.ok || proposal.value.proposer !== self) return
      const { height, round, signature } = proposal.value
      this.#addMessage(height, round, 'proposal', proposalMessage(this.#genesisHash, proposal.value), signature, key)
    } else if (kind === WAL_KIND.vote) {
      const vote = decodeVote(payload)
      if (!vote.ok || vote.value.validator !== self) return
      const { height, round, type, signature } = vote.value
      this.#addMessage(height, round, type, voteMessage(this.#genesisHash, vote.value), signature, key)
    }
  }

  #addMessage(height: number, round: number, step: string, message: Uint8Array, signature: Uint8Array, key: Uint8Array): void {
    if (!verifySignature(message, signature, key)) this.broken.push(`${step} of height ${height}, round ${round}`)
    this.#add(height, round, step, { messageHash: toHex(sha256(message)), signature: toHex(signature) })
  }

  #add(height: number, round: number, step: string, signed: Signed): void {
    const slot = `${step} of height ${height}, round ${round}`
    const known = this.#bySlot.get(slot)
    if (known === undefined) this.#bySlot.set(slot, signed)
    else if (known.messageHash !== signed.messageHash || known.signature !== signed.signature) {
      this.contradictions.push(`${slot}: ${known.messageHash} and ${signed.messageHash}`)
    }
  }
}
