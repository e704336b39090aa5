// Checks of blocks that peers sent. A certificate is judged by the validators of its height; what a certified block
// holds is judged apart from it, because the two have different culprits: a bad certificate, or a body that is not the
// certified one, is the peer's doing, and a certified block that breaks a rule is the doing of a quorum.

import { toBin } from '../base/bytes.ts'
import { isWhole } from '../engine/height.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { hasQuorum } from '../protocol/certificate.ts'
import { transactionSignatures } from '../protocol/transaction.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import { certificateSignatures } from './assembler.ts'
import type { DecodedBlock } from './sync-decode.ts'
import { decodeSyncedBlock } from './sync-decode.ts'
import type { OpenedFrame } from './sync-frame.ts'
import type { SignatureItem, VerifyPool } from './verify-pool.ts'

/** `full`: every signature. `certificates`: those of the heartbeats in a block are left to the quorum that certified it. */
export type VerifyMode = 'full' | 'certificates'

export interface Content {
  readonly block: Block
  /** False if a signature in it does not verify. The parent's certificate is judged apart. */
  readonly sound: Promise<boolean>
}

/** Decodes the block of a frame and begins to verify what it holds. Null if it is not the block that its header names. */
export function checkContent(frame: OpenedFrame, genesisHash: Uint8Array, mode: VerifyMode, pool: VerifyPool): Content | null {
  const decoded = decodeSyncedBlock(frame.block, genesisHash)
  if (decoded === null) return null
  if (!isWhole(decoded.block, frame.id)) return null
  return { block: decoded.block, sound: verifyContent(decoded, genesisHash, mode, pool) }
}

async function verifyContent({ block, rows }: DecodedBlock, genesisHash: Uint8Array, mode: VerifyMode, pool: VerifyPool): Promise<boolean> {
  const [{ valid }, others] = await Promise.all([
    pool.heartbeats(mode === 'full' ? rows : new Uint8Array(0), false),
    pool.signatures(block.body.transactions.flatMap((transaction) => transactionSignatures(transaction, genesisHash))),
  ])
  return !valid.includes(0) && !others.includes(false)
}

/** A certificate with the validators of its height. */
export interface Judged {
  readonly certificate: Certificate
  readonly validators: ValidatorSet
}

/** Signatures of one job for the pool: votes of other heights must not wait long behind it. */
const SIGNATURES_AT_ONCE = 256

/** One verdict per certificate: enough power, and every signature verifies. */
export async function checkCertificates(all: readonly Judged[], genesisHash: Uint8Array, pool: VerifyPool): Promise<boolean[]> {
  const items: { readonly owner: number; readonly item: SignatureItem }[] = []
  const verdicts = all.map(({ certificate, validators }) => hasQuorum(certificate, validators))
  all.forEach(({ certificate, validators }, owner) => {
    if (verdicts[owner] === true) for (const item of certificateSignatures(certificate, genesisHash, validators)) items.push({ owner, item })
  })
  const jobs: Promise<void>[] = []
  for (let at = 0; at < items.length; at += SIGNATURES_AT_ONCE) {
    const job = items.slice(at, at + SIGNATURES_AT_ONCE)
    jobs.push(pool.signatures(job.map(({ item }) => item)).then((valid) => valid.forEach((right, i) => {
      if (!right) verdicts[job[i]!.owner] = false
    })))
  }
  await Promise.all(jobs)
  return verdicts
}

/** True if two certificates are the same, signature by signature. */
export function sameCertificate(a: Certificate, b: Certificate): boolean {
  if (a.blockId !== b.blockId || a.round !== b.round || a.signatures.length !== b.signatures.length) return false
  return a.signatures.every(({ validator, signature }, i) => {
    const other = b.signatures[i]!
    return validator === other.validator && toBin(signature) === toBin(other.signature)
  })
}
