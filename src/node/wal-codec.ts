// The engine's logged inputs as records of the write-ahead log.
//
//   kind  payload, after the clock's reading (uint64, ms)
//      1  begin      height uint64
//      2  timer      height uint64 ‖ step uint8 (1 propose, 2 prevote, 3 precommit) ‖ round uint32
//      3  value      round uint32 ‖ block
//      4  proposal   proposal ‖ block; without the block if an earlier record of the height holds it
//      5  vote       vote
//      6  quorum     votes, one after the other

import type { Bin } from '../base/bytes.ts'
import { concatAll, readUint32, readUint64, writeUint32, writeUint64 } from '../base/bytes.ts'
import { unreachable } from '../base/assert.ts'
import type { WalRecord } from '../chain/segment.ts'
import type { Verified } from '../crypto/verified.ts'
import { markVerified } from '../crypto/verified.ts'
import type { LoggedEntry, LoggedInput, Timeout } from '../engine/input.ts'
import type { Block } from '../protocol/block.ts'
import { decodeBlock, encodeBlock } from '../protocol/block.ts'
import { headerId } from '../protocol/header.ts'
import { decodeProposal, encodeProposal, PROPOSAL_SIZE } from '../protocol/proposal.ts'
import type { Vote } from '../protocol/vote.ts'
import { decodeVote, encodeVote, VOTE_SIZE } from '../protocol/vote.ts'
import { digest } from './digest.ts'

/** Of a record's kind; see the head of this file. */
export const WAL_KIND = { begin: 1, timer: 2, value: 3, proposal: 4, vote: 5, quorum: 6 } as const

/** By code; 0 is not in use. */
const TIMER_CODES = [null, 'propose', 'prevote', 'precommit'] as const

/** Writes the inputs of one height; remembers which blocks the log already holds. */
export class WalEncoder {
  readonly #blocks = new Set<Bin>()

  encode(input: LoggedInput, nowMs: number): WalRecord {
    const now = new Uint8Array(8)
    writeUint64(now, 0, nowMs)
    return { kind: WAL_KIND[input.kind], payload: concatAll([now, ...this.#parts(input)]) }
  }

  /** What was read back counts as written. */
  remember(input: LoggedInput): void {
    if (input.kind === 'value') this.#blocks.add(headerId(input.block.header))
    else if (input.kind === 'proposal') this.#blocks.add(headerId(input.proposed.block.header))
  }

  /** In pieces: a block is copied once. */
  #parts(input: LoggedInput): Uint8Array[] {
    switch (input.kind) {
      case 'begin': {
        const bytes = new Uint8Array(8)
        writeUint64(bytes, 0, input.height)
        return [bytes]
      }
      case 'timer':
        return [encodeTimer(input.timer)]
      case 'value': {
        const round = new Uint8Array(4)
        writeUint32(round, 0, input.round)
        this.remember(input)
        return [round, encodeBlock(input.block)]
      }
      case 'proposal': {
        const { proposal, block } = input.proposed
        // A liar may send another block than the one that it names; that one is written as it came.
        const id = headerId(block.header)
        const known = id === proposal.blockId && this.#blocks.has(id)
        this.remember(input)
        return known ? [encodeProposal(proposal)] : [encodeProposal(proposal), encodeBlock(block)]
      }
      case 'vote':
        return [encodeVote(input.vote)]
      case 'quorum':
        return input.votes.map(encodeVote)
      default:
        return unreachable(input)
    }
  }
}

/** Reads the records of one height back. @throws RangeError for a record that this version did not write */
export function decodeWal(records: readonly WalRecord[], genesisHash: Uint8Array): LoggedEntry[] {
  const blocks = new Map<Bin, Verified<Block>>()
  const readBlock = (bytes: Uint8Array): Verified<Block> => {
    // What is in our own log was verified before it was written.
    const block = decodeBlock(bytes, genesisHash, digest)
    if (!block.ok) throw damaged('block')
    const verified = markVerified(block.value)
    blocks.set(headerId(verified.header), verified)
    return verified
  }
  return records.map(({ kind, payload }): LoggedEntry => {
    const nowMs = payload.length < 8 ? -1 : readUint64(payload, 0)
    if (nowMs < 0) throw damaged('time')
    return { nowMs, input: decodeInput(kind, payload.subarray(8), readBlock, blocks) }
  })
}

function decodeInput(kind: number, rest: Uint8Array, readBlock: (bytes: Uint8Array) => Verified<Block>, blocks: ReadonlyMap<Bin, Verified<Block>>): LoggedInput {
  switch (kind) {
    case WAL_KIND.begin: {
      const height = rest.length === 8 ? readUint64(rest, 0) : -1
      if (height < 0) throw damaged('height')
      return { kind: 'begin', height }
    }
    case WAL_KIND.timer:
      return { kind: 'timer', timer: decodeTimer(rest) }
    case WAL_KIND.value:
      return { kind: 'value', round: readUint32(rest, 0), block: readBlock(rest.subarray(4)) }
    case WAL_KIND.proposal: {
      const proposal = decodeProposal(rest.subarray(0, PROPOSAL_SIZE))
      if (!proposal.ok) throw damaged('proposal')
      const block = rest.length > PROPOSAL_SIZE ? readBlock(rest.subarray(PROPOSAL_SIZE)) : blocks.get(proposal.value.blockId)
      if (block === undefined) throw damaged('proposal without its block')
      return { kind: 'proposal', proposed: markVerified({ proposal: proposal.value, block }) }
    }
    case WAL_KIND.vote:
      return { kind: 'vote', vote: readVote(rest) }
    case WAL_KIND.quorum: {
      if (rest.length % VOTE_SIZE !== 0) throw damaged('quorum')
      const votes = Array.from({ length: rest.length / VOTE_SIZE }, (_, i) => readVote(rest.subarray(i * VOTE_SIZE, (i + 1) * VOTE_SIZE)))
      return { kind: 'quorum', votes }
    }
    default:
      throw damaged(`record of kind ${kind}`)
  }
}

function readVote(bytes: Uint8Array): Verified<Vote> {
  const vote = decodeVote(bytes)
  if (!vote.ok) throw damaged('vote')
  return markVerified(vote.value)
}

const damaged = (what: string): RangeError => new RangeError(`the write-ahead log holds a damaged ${what}`)

const TIMER_SIZE = 13

function encodeTimer(timer: Timeout): Uint8Array {
  const bytes = new Uint8Array(TIMER_SIZE)
  writeUint64(bytes, 0, timer.height)
  bytes[8] = TIMER_CODES.indexOf(timer.step)
  writeUint32(bytes, 9, timer.round)
  return bytes
}

/** @throws RangeError if the bytes are damaged */
export function decodeTimer(bytes: Uint8Array): Timeout {
  const height = readUint64(bytes, 0)
  const step = TIMER_CODES[bytes[8]!]
  if (bytes.length !== TIMER_SIZE || height < 0 || step == null) throw damaged('timer')
  return { name: 'timeout', height, step, round: readUint32(bytes, 9) }
}
