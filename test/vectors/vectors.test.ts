// The encodings are frozen: the code of today must reproduce the vectors byte for byte, and read them.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { toBin, toHex } from '../../src/base/bytes.ts'
import { keyFromText, tagKey } from '../../src/crypto/keys.ts'
import { decodeBlock, encodeBlock } from '../../src/protocol/block.ts'
import { decodeCertificate } from '../../src/protocol/certificate.ts'
import { genesisFromJson, genesisHash } from '../../src/protocol/genesis.ts'
import { decodeHeader, headerId } from '../../src/protocol/header.ts'
import { decodeProposal } from '../../src/protocol/proposal.ts'
import { decodeTransaction, encodeTransaction, transactionFromMessage, transactionId } from '../../src/protocol/transaction.ts'
import { decodeVote } from '../../src/protocol/vote.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import { referenceVerify } from '../unit/crypto-reference.ts'
import { nameOf } from '../fuzz/arbitraries.ts'
import { buildVectors, bytes } from './vectors.ts'

const built = buildVectors()
const frozen = Object.fromEntries(Object.keys(built).map((name) => [name, JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8')) as unknown])) as {
  keys: { curve: string; tagged: string; text: string }[]
  genesis: { file: unknown; hash: string }
  heartbeat: { deviceKey: string; message: string; signature: string; id: string; name: string }[]
  transfer: { sender: string; message: string; signature: string; id: string; transaction: string }
  governance: Record<string, { kind: number; signatures: { key: string; message: string; signature: string }[]; transaction: string; id: string }>
  vote: { validator: string; message: string; signature: string; encoding: string }[]
  proposal: { proposer: string; message: string; signature: string; encoding: string; validRound: number }[]
  certificate: { message: string; signers: number[]; encoding: string }
  block: { headerEncoding: string; id: string; encoding: string }
}

for (const [name, content] of Object.entries(built)) {
  t.test(`${name}.json is reproduced byte for byte`, async (t) => {
    t.strictSame(JSON.parse(JSON.stringify(content)), frozen[name as keyof typeof frozen])
  })
}

t.test('every vector file is checked', async (t) => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.json'))
  t.strictSame(files.sort(), Object.keys(built).map((name) => `${name}.json`).sort())
})

t.test('the vectors read back, and their signatures verify', async (t) => {
  const read = genesisFromJson(JSON.stringify(frozen.genesis.file))
  t.ok(read.ok)
  if (!read.ok) return
  const hash = genesisHash(read.value)
  t.equal(toHex(hash), frozen.genesis.hash)
  const signed = (what: string, message: string, signature: string, tagged: Uint8Array): void => {
    t.ok(verifySignature(bytes(message), bytes(signature), tagged), `${what} verifies`)
    t.ok(referenceVerify(bytes(message), bytes(signature), tagged), `${what} verifies by the reference`)
  }
  for (const { tagged, text } of frozen.keys) t.same(keyFromText(text), bytes(tagged))
  for (const { deviceKey, message, signature, id, name } of frozen.heartbeat) {
    signed('a heartbeat', message, signature, bytes(deviceKey))
    t.equal(toBin(bytes(id)), nameOf(bytes(message)))
    t.equal(toBin(bytes(name)), nameOf(bytes(message + signature)))
  }
  signed('a transfer', frozen.transfer.message, frozen.transfer.signature, bytes(frozen.transfer.sender))
  const transaction = transactionFromMessage(bytes(frozen.transfer.message), bytes(frozen.transfer.signature), hash)
  t.ok(transaction.ok && transactionId(transaction.value) === toBin(bytes(frozen.transfer.id)))
  for (const [name, { kind, signatures, transaction: encoded, id }] of Object.entries(frozen.governance)) {
    for (const { key, message, signature } of signatures) signed(name, message, signature, bytes(key))
    const decoded = decodeTransaction(bytes(encoded), hash)
    t.ok(decoded?.kind === kind && transactionId(decoded) === toBin(bytes(id)), name)
    t.equal(decoded && toHex(encodeTransaction(decoded)), encoded)
  }
  for (const { validator, message, signature, encoding } of frozen.vote) {
    signed('a vote', message, signature, tagKey('ed25519', bytes(validator)))
    t.ok(decodeVote(bytes(encoding)).ok)
  }
  for (const { proposer, message, signature, encoding, validRound } of frozen.proposal) {
    signed('a proposal', message, signature, tagKey('ed25519', bytes(proposer)))
    const proposal = decodeProposal(bytes(encoding))
    t.ok(proposal.ok && proposal.value.validRound === validRound)
  }
  const certificate = decodeCertificate(bytes(frozen.certificate.encoding))
  t.ok(certificate.ok)
  if (certificate.ok) {
    t.strictSame(certificate.value.signatures.map(({ validator }) => validator), frozen.certificate.signers)
    for (const { validator, signature } of certificate.value.signatures) {
      signed('a precommit in a certificate', frozen.certificate.message, toHex(signature), tagKey('ed25519', Buffer.from(read.value.validators[validator]!.key, 'latin1')))
    }
  }
  const header = decodeHeader(bytes(frozen.block.headerEncoding))
  t.ok(header.ok && headerId(header.value) === toBin(bytes(frozen.block.id)))
  const block = decodeBlock(bytes(frozen.block.encoding), hash, nameOf)
  t.ok(block.ok && toHex(encodeBlock(block.value)) === frozen.block.encoding)
})
