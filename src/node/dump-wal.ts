// The consensus write-ahead log as data for people: one row per record.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { binToHex, readUint32, readUint64 } from '../base/bytes.ts'
import { readSegment } from '../chain/wal.ts'
import { dataDir as pathsOf } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { decodeProposal, PROPOSAL_SIZE } from '../protocol/proposal.ts'
import { decodeVote, VOTE_SIZE } from '../protocol/vote.ts'
import { decodeTimer, WAL_KIND } from './wal-codec.ts'

/** @param height all heights if absent. @throws Failure if there is no node, or a segment cannot be read */
export function* dumpWal(dataDir: string, height?: number): Generator<Record<string, unknown>> {
  const { wal, genesis } = pathsOf(dataDir)
  if (!existsSync(genesis)) throw new Failure('config', `There is no node in ${dataDir}`, 'Name its data directory with --data-dir.')
  const names = existsSync(wal) ? readdirSync(wal).filter((name) => name.endsWith('.wal')).sort() : []
  for (const name of names) {
    const own = Number(name.slice(0, -4))
    if (height !== undefined && own !== height) continue
    for (const { kind, payload } of readSegment(join(wal, name))) {
      yield { height: own, atMs: readUint64(payload, 0), ...describe(kind, payload.subarray(8)), sizeBytes: payload.length }
    }
  }
}

function describe(kind: number, rest: Uint8Array): Record<string, unknown> {
  switch (kind) {
    case WAL_KIND.begin:
      return { kind: 'begin' }
    case WAL_KIND.timer:
      return { kind: 'timer', ...withoutHeight(decodeTimer(rest)) }
    case WAL_KIND.value:
      return { kind: 'value', round: readUint32(rest, 0) }
    case WAL_KIND.proposal: {
      const proposal = decodeProposal(rest.subarray(0, PROPOSAL_SIZE))
      if (!proposal.ok) return { kind: 'proposal', broken: true }
      const { round, validRound, blockId, proposer } = proposal.value
      return { kind: 'proposal', round, validRound, blockId: binToHex(blockId), from: binToHex(proposer) }
    }
    case WAL_KIND.vote: {
      const vote = decodeVote(rest)
      if (!vote.ok) return { kind: 'vote', broken: true }
      const { type, round, blockId, validator } = vote.value
      return { kind: type, round, blockId: blockId === null ? null : binToHex(blockId), from: binToHex(validator) }
    }
    case WAL_KIND.quorum: {
      const first = decodeVote(rest.subarray(0, VOTE_SIZE))
      if (!first.ok) return { kind: 'quorum', broken: true }
      const { type, round, blockId } = first.value
      return { kind: 'quorum', type, round, blockId: blockId === null ? null : binToHex(blockId), votes: rest.length / VOTE_SIZE }
    }
    default:
      return { kind: `unknown (${kind})` }
  }
}

const withoutHeight = ({ height: _, ...rest }: Record<string, unknown> & { height: number }): Record<string, unknown> => rest
