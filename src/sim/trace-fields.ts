// What the trace tells of an input.

import { unreachable } from '../base/assert.ts'
import type { Input } from '../engine/input.ts'
import { transactionId } from '../protocol/transaction.ts'
import type { Field } from './trace.ts'

export function fieldsOf(input: Input): readonly Field[] {
  switch (input.kind) {
    case 'start':
      return []
    case 'begin':
    case 'stored':
      return [input.height]
    case 'timer':
      return input.timer.name !== 'timeout' ? [input.timer.name, input.timer.height] : [input.timer.height, input.timer.round, input.timer.step]
    case 'value':
      return [input.round]
    case 'proposal': {
      const { height, round, validRound, blockId, proposer } = input.proposed.proposal
      return [height, round, validRound, blockId, proposer]
    }
    case 'vote': {
      const { height, round, type, blockId, validator } = input.vote
      return [height, round, type, blockId, validator]
    }
    case 'quorum': {
      const [first] = input.votes
      return first === undefined ? [] : [first.height, first.round, first.type, first.blockId, input.votes.length]
    }
    case 'heartbeats':
      return input.heartbeats.flatMap(({ device, sequence }) => [device.slice(2, 34), sequence])
    case 'transaction':
      return [transactionId(input.transaction)]
    case 'head':
      return [input.nodeKey, input.height]
    case 'decided':
      return [input.certificate.height, input.certificate.round, input.certificate.blockId]
    default:
      return unreachable(input)
  }
}
