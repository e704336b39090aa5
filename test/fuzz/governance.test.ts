// Transactions that govern: who signs what, and which lists and pairs are canonical.

import fc from 'fast-check'
import t from 'tap'
import { equalBytes, fromBin, toHex } from '../../src/base/bytes.ts'
import { tagKey } from '../../src/crypto/keys.ts'
import type { Approval } from '../../src/protocol/approvals.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import { decodeTransaction, encodeTransaction, ENROLMENT_KIND, EVIDENCE_KIND, JOIN_KIND, transactionId, transactionSignatures } from '../../src/protocol/transaction.ts'
import { voteMessage } from '../../src/protocol/vote.ts'
import * as arbitrary from './arbitraries.ts'

const { GENESIS_HASH, nameOf } = arbitrary
const KINDS = Object.values<fc.Arbitrary<GovernanceTransaction>>(arbitrary.governance)

t.test('a governance transaction is signed as a whole by all who sign it, and its id does not depend on who approves', async (t) => {
  const keyOf = (bin: string): Uint8Array => tagKey('ed25519', fromBin(bin))
  for (const transaction of KINDS.flatMap((kind) => fc.sample(kind, 5))) {
    const signatures = transactionSignatures(transaction, GENESIS_HASH)
    const encoded = encodeTransaction(transaction)
    t.ok(signatures.every(({ signature }) => toHex(encoded).includes(toHex(signature))))
    t.ok(signatures.every(({ message }) => equalBytes(message.subarray(32, 64), GENESIS_HASH)), 'bound to the network')
    const elsewhere = decodeTransaction(encoded, new Uint8Array(32))!
    if (transaction.kind === EVIDENCE_KIND) {
      const { first, second } = transaction.evidence
      t.strictSame(signatures, [first, second].map((vote) => ({ key: keyOf(vote.validator), message: voteMessage(GENESIS_HASH, vote), signature: vote.signature })))
      t.equal(transaction.id, nameOf(encoded.subarray(1)), 'the id is the hash of both votes')
      continue
    }
    const [first] = signatures
    if (first === undefined) continue
    const { message } = first
    t.ok(signatures.every((each) => equalBytes(each.message, message)), 'all sign the same')
    t.equal(transaction.id, nameOf(message), 'the id is the hash of the signed bytes')
    t.not(transactionId(elsewhere), transaction.id)
    t.equal(transactionId(decodeTransaction(encoded, GENESIS_HASH)!), transaction.id)
  }
  const tags = KINDS.map((kind) => {
    const signed = fc.sample(kind, 30).flatMap((each) => transactionSignatures(each, GENESIS_HASH))
    return new TextDecoder().decode(signed[0]!.message.subarray(0, 32)).replaceAll('\0', '')
  })
  t.strictSame(tags, ['pulse/enrolment/1', 'pulse/join/1', 'pulse/leave/1', 'pulse/parameters/1', 'pulse/vote/1'])
  const [join] = fc.sample(arbitrary.governance.join.filter((each) => each.kind === JOIN_KIND && each.join.approvals.length === 4), 1)
  if (join?.kind !== JOIN_KIND) return
  const { key, nodeKey, approvals } = join.join
  t.strictSame(transactionSignatures(join, GENESIS_HASH).map((each) => toHex(each.key)), [key, nodeKey, ...approvals.map(({ validator }) => validator)].map((each) => toHex(keyOf(each))))
})

t.test('lists of keys ascend, and two votes contradict each other in order', async (t) => {
  const reads = (transaction: GovernanceTransaction): boolean => decodeTransaction(encodeTransaction(transaction), GENESIS_HASH) !== null
  const [enrolment] = fc.sample(arbitrary.governance.enrolment.filter((each) => each.kind === ENROLMENT_KIND && each.enrolment.devices.length === 3), 1)
  const [join] = fc.sample(arbitrary.governance.join.filter((each) => each.kind === JOIN_KIND && each.join.approvals.length === 3), 1)
  const [evidence] = fc.sample(arbitrary.governance.evidence, 1)
  if (enrolment?.kind !== ENROLMENT_KIND || join?.kind !== JOIN_KIND || evidence?.kind !== EVIDENCE_KIND) return void t.fail('nothing was drawn')
  const [a, b, c] = enrolment.enrolment.devices as [string, string, string]
  const [x, y, z] = join.join.approvals as [Approval, Approval, Approval]
  for (const [devices, verdict] of [[[a, b, c], true], [[a], true], [[], false], [[b, a, c], false], [[a, c, b], false], [[a, a, b], false], [[a, b, `x${c.slice(1)}`], false]] as const) {
    t.equal(reads({ ...enrolment, enrolment: { ...enrolment.enrolment, devices } }), verdict)
  }
  t.notOk(reads({ ...enrolment, enrolment: { ...enrolment.enrolment, registrar: 'x'.repeat(35) } }), 'a registrar must have a tagged key')
  for (const [approvals, verdict] of [[[x, y, z], true], [[], true], [[y, x, z], false], [[x, z, y], false], [[x, { ...x, signature: y.signature }], false]] as const) {
    t.equal(reads({ ...join, join: { ...join.join, approvals } }), verdict)
  }
  const { first, second } = evidence.evidence
  for (const [desc, votes, verdict] of [
    ['as they are', [first, second], true], ['the other way round', [second, first], false], ['one vote twice', [first, first], false],
    ['one statement with two signatures', [second, { ...second, signature: new Uint8Array(64) }], false],
    ['two validators', [{ ...first, validator: 'x'.repeat(32) }, second], false], ['two heights', [{ ...first, height: first.height ^ 1 }, second], false],
    ['two rounds', [{ ...first, round: first.round ^ 1 }, second], false], ['two types', [{ ...first, type: first.type === 'prevote' ? 'precommit' : 'prevote' }, second], false],
  ] as const) t.equal(reads({ ...evidence, evidence: { first: votes[0], second: votes[1] } }), verdict, desc)
})
