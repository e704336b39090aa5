// What a proposal would do, for those who decide on it.

import { binToHex } from '../base/bytes.ts'
import { paramsJson } from '../node/transaction-view.ts'
import { Failure } from '../ops/failure.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { JOIN_KIND, PARAMETERS_KIND } from '../protocol/transaction.ts'
import type { NodeClient } from './client.ts'
import { record } from './output.ts'
import { differences, differenceTable } from './params-text.ts'
import { livesText, shareText } from './power-text.ts'

/** @throws Failure('refused') if it was made for other parameters than those of now */
export async function describeProposal(client: NodeClient, transaction: GovernanceTransaction): Promise<{ facts: object; text: string }> {
  if (transaction.kind === JOIN_KIND) {
    const { join } = transaction
    const { totalPower } = await client.validators()
    const facts = { kind: 'join', key: binToHex(join.key), nodeKey: binToHex(join.nodeKey), base: join.base, expiryHeight: join.expiryHeight }
    const text = record([
      ['join of', facts.key],
      ['node', facts.nodeKey],
      ['base power', `${livesText(join.base)} lives: ${shareText(join.base, totalPower + join.base)} of all power, in the end`],
      ['commit', `up to block ${join.expiryHeight}`],
    ])
    return { facts, text }
  }
  if (transaction.kind !== PARAMETERS_KIND) throw new Error('only joins and changes of parameters are approved')
  const { change } = transaction
  const current = await client.params()
  if (current.paramsRoot !== binToHex(change.paramsRoot) || current.paramsSince !== change.paramsSince) {
    throw new Failure('refused', 'The change was proposed for other parameters than those of now', 'Propose it again: pulse-node propose-params.')
  }
  const changes = differences(current.params, paramsJson(change.params))
  const facts = { kind: 'parameters', changes, activationHeight: change.activationHeight, expiryHeight: change.expiryHeight }
  const heights = record([
    ['commit', `up to block ${change.expiryHeight}`],
    ['effect', `with the first epoch from block ${change.activationHeight} on`],
  ])
  return { facts, text: `Change of parameters\n\n${differenceTable(changes)}\n${heights}` }
}
