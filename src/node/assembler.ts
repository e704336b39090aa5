// Makes whole proposals of compact ones: heartbeats from the pool, the missing ones from the peer that sent it, and
// every signature checked that has not been checked on the way into the pool. A node that is a moment behind hears the
// next height's proposal before it has stored its block; gossip never repeats it, so it is taken then.

import { concatAll, fromBin, toBin } from '../base/bytes.ts'
import type { Bin } from '../base/bytes.ts'
import { FUTURE_ROUNDS_KEPT } from '../consensus/bounds.ts'
import { hasProposal, proposerFor } from '../consensus/consensus.ts'
import { tagKey } from '../crypto/keys.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Verified } from '../crypto/verified.ts'
import { isWaiting } from '../engine/admission.ts'
import type { Engine } from '../engine/engine.ts'
import { transactionSize } from '../ledger/blocks.ts'
import { validatorsAt } from '../ledger/validators-at.ts'
import type { GossipVerdict } from '../network/gossip.ts'
import { bodyRoot } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { certificateMessage, certificateRoot } from '../protocol/certificate.ts'
import type { CompactProposal } from '../protocol/compact.ts'
import { headerId } from '../protocol/header.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { decodeHeartbeat, HEARTBEAT_RECORD_SIZE, rowsOf } from '../protocol/heartbeat.ts'
import type { Proposal, ProposedBlock } from '../protocol/proposal.ts'
import { proposalMessage } from '../protocol/proposal.ts'
import { proposerOf, rotate } from '../protocol/rotation.ts'
import { transactionSignatures } from '../protocol/transaction.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import type { PeerPort } from './peer-port.ts'
import type { SignatureItem, VerifyPool } from './verify-pool.ts'

/** Proposals that are being made whole. */
const MAX_ASSEMBLING = 16
const FETCH_LIMITS = { maxBytes: 8 * 1024 * 1024, timeoutMs: 5_000 } as const

export interface AssemblerDependencies {
  readonly engine: Engine
  readonly pool: VerifyPool
  readonly peers: PeerPort
  readonly deliver: (proposed: Verified<ProposedBlock>) => void
}

export interface Assembler {
  /** Judges the proposal itself at once; its block follows by `deliver`. */
  receive(compact: CompactProposal, from: string): Promise<GossipVerdict>
}

export function createAssembler({ engine, pool, peers, deliver }: AssemblerDependencies): Assembler {
  const { genesisHash } = engine.ledger
  const assembling = new Set<string>()
  /** The last height of which a proposal was taken early: one is enough. */
  let early = 0

  /** Of the first round only, from whose turn it will be. Others, seats without base among them, could fill all places here. */
  function mayBeEarly({ proposer, height }: Proposal): boolean {
    const { validators, priorities } = engine.ledger
    // In another epoch they may be others.
    if (early === height || validatorsAt(engine.ledger, height) === null) return false
    const next = rotate(validators, priorities, 1).priorities
    return validators[proposerOf(validators, next, 0)]!.key === proposer
  }

  /** No block may be larger; its proposer has signed that it is. Where it was logged, the log could not be read back. */
  function isTooLarge({ names, transactions }: CompactProposal): boolean {
    const { maxHeartbeats, maxBodyBytes } = engine.ledger.params
    const size = transactions.reduce((sum, transaction) => sum + transactionSize(transaction), names.length * HEARTBEAT_RECORD_SIZE)
    return names.length > maxHeartbeats || size > maxBodyBytes
  }

  async function assemble(compact: CompactProposal, from: string): Promise<void> {
    const { proposal, header, parentCertificate, names, transactions } = compact
    const parentValidators = validatorsAt(engine.ledger, header.height - 1)
    const found = new Map<Bin, Heartbeat>()
    for (const name of names) {
      const known = engine.heartbeats.find(name)
      if (known !== undefined) found.set(name, known)
    }
    const missing = names.filter((name) => !found.has(name))
    if (missing.length > 0) for (const heartbeat of await fetchHeartbeats(missing, from)) found.set(heartbeat.name, heartbeat)
    const unseen = transactions.filter((transaction) => !isWaiting(engine, transaction))
    const signatures = [
      ...unseen.flatMap((transaction) => transactionSignatures(transaction, genesisHash)),
      ...(parentCertificate === null ? [] : certificateSignatures(parentCertificate, genesisHash, parentValidators ?? [])),
    ]
    // They are the proposer's doing. Whoever passed its proposal on did so before they could be looked at.
    if ((await pool.signatures(signatures)).includes(false)) return
    const heartbeats = names.map((name) => found.get(name)!)
    deliver(markVerified({ proposal, block: { header, body: { parentCertificate, heartbeats, transactions } } }))
  }

  async function fetchHeartbeats(names: readonly Bin[], from: string): Promise<Heartbeat[]> {
    const answer = concatAll(await peers.request(from, 'heartbeats', concatAll(names.map(fromBin)), FETCH_LIMITS))
    if (answer.length !== names.length * HEARTBEAT_RECORD_SIZE) throw new Error('the peer does not hold all heartbeats of its proposal')
    const records = names.map((_, i) => answer.slice(i * HEARTBEAT_RECORD_SIZE, (i + 1) * HEARTBEAT_RECORD_SIZE))
    const { valid, hashes } = await pool.urgentHeartbeats(rowsOf(records, genesisHash))
    return records.map((record, i) => {
      const name = toBin(hashes.subarray(i * 64 + 32, i * 64 + 64))
      const heartbeat = valid[i] === 1 && name === names[i] ? decodeHeartbeat(record, name) : null
      if (heartbeat === null) {
        peers.report(from, 'bad_heartbeat', 50)
        throw new Error('the peer sent a heartbeat that is not the one that was asked for')
      }
      return heartbeat
    })
  }

  return {
    async receive(compact, from) {
      const { proposal, header } = compact
      const { consensus } = engine
      const isEarly = proposal.height === consensus.height + 1
      if ((proposal.height !== consensus.height && !isEarly) || header.height !== proposal.height) return { verdict: 'ignore', reason: 'height' }
      if (proposal.round > (isEarly ? 0 : Math.max(consensus.round, 0) + FUTURE_ROUNDS_KEPT)) return { verdict: 'ignore', reason: 'round' }
      if (isEarly ? !mayBeEarly(proposal) : proposal.proposer !== proposerFor(consensus, proposal.round)) return { verdict: 'ignore', reason: 'proposer' }
      // The proposer has signed the header only, and that binds the rest: whoever passes it on can change nothing.
      if (headerId(header) !== proposal.blockId || !isWhole(compact)) return { verdict: 'reject', reason: 'block_id' }
      if (isTooLarge(compact)) return { verdict: 'reject', reason: 'too_large' }
      if (hasProposal(consensus, proposal)) return { verdict: 'ignore', reason: 'duplicate' }
      const key = tagKey('ed25519', fromBin(proposal.proposer))
      const [valid] = await pool.signatures([{ message: proposalMessage(genesisHash, proposal), signature: proposal.signature, key }])
      if (valid !== true) return { verdict: 'reject', reason: 'bad_signature' }
      if (isEarly) early = proposal.height
      // Who offered it is asked for what is missing, and may not answer: so others may offer it meanwhile.
      const slot = `${proposal.height} ${proposal.round} ${proposal.blockId} ${from}`
      if (!assembling.has(slot) && assembling.size < MAX_ASSEMBLING) {
        assembling.add(slot)
        // A peer that cannot complete its proposal is not to blame.
        void assemble(compact, from).catch(() => {}).finally(() => assembling.delete(slot))
      }
      return { verdict: 'accept' }
    },
  }
}

const isWhole = ({ header, parentCertificate, names, transactions }: CompactProposal): boolean =>
  toBin(bodyRoot({ heartbeats: names.map((name) => ({ name })), transactions })) === header.bodyRoot &&
  toBin(certificateRoot(parentCertificate)) === header.parentCertificateRoot

/** One item per signature of a certificate; a signer that is not in the set yields one that cannot verify. */
export function certificateSignatures(certificate: Certificate, genesisHash: Uint8Array, validators: ValidatorSet): SignatureItem[] {
  const message = certificateMessage(genesisHash, certificate)
  return certificate.signatures.map(({ validator, signature }) => {
    const member = validators[validator]
    return { message, signature, key: member === undefined ? new Uint8Array(0) : tagKey('ed25519', fromBin(member.key)) }
  })
}
