// Builds the vectors: one of each message, from fixed keys and values. The files beside this one hold what it built when
// the encodings were frozen; vectors.test.ts compares, and docs/protocol.md prints some of them.

import { fromHex, toBin, toHex } from '../../src/base/bytes.ts'
import type { Bin } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import type { Curve } from '../../src/crypto/keys.ts'
import { keyToText, rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { keyPairFromSecret, sign } from '../../src/crypto/sign.ts'
import type { Block } from '../../src/protocol/block.ts'
import { bodyRoot, encodeBlock, heartbeatName } from '../../src/protocol/block.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { certificateMessage, certificateRoot, encodeCertificate } from '../../src/protocol/certificate.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { genesisHash, genesisToJson } from '../../src/protocol/genesis.ts'
import type { Header } from '../../src/protocol/header.ts'
import { encodeHeader, HEADER_VERSION, headerId } from '../../src/protocol/header.ts'
import type { HeartbeatFields } from '../../src/protocol/heartbeat.ts'
import { decodeHeartbeat, encodeHeartbeatFields, heartbeatMessage } from '../../src/protocol/heartbeat.ts'
import type { Params } from '../../src/protocol/params.ts'
import { paramsRoot } from '../../src/protocol/params.ts'
import { encodeProposal, proposalMessage } from '../../src/protocol/proposal.ts'
import type { TransferTransaction } from '../../src/protocol/transaction.ts'
import { encodeTransaction, TRANSFER_KIND } from '../../src/protocol/transaction.ts'
import { signedTransfer, transferMessage } from '../../src/protocol/transfer.ts'
import { validatorsRoot } from '../../src/protocol/validators.ts'
import { encodeVitals, evidenceOf, levelsOf } from '../../src/protocol/vitals.ts'
import { encodeVote, voteMessage } from '../../src/protocol/vote.ts'
import { governanceVectors } from './governance.ts'

/** A secret key of one repeated byte: never to be used for anything but vectors. */
const keyPair = (curve: Curve, byte: number): KeyPair => keyPairFromSecret(curve, new Uint8Array(32).fill(byte))
const raw = ({ publicKey, curve }: KeyPair): Bin => toBin(rawKey(publicKey, curve))
const hexOf = (bin: Bin): string => toHex(Uint8Array.from(bin, (character) => character.charCodeAt(0)))

const DEVICES = [keyPair('p256', 1), keyPair('ed25519', 2), keyPair('secp256k1', 3)]
const VALIDATORS = [0x11, 0x12, 0x13].map((byte) => keyPair('ed25519', byte)).sort((a, b) => (raw(a) < raw(b) ? -1 : 1))
const NODES = [0x21, 0x22, 0x23].map((byte) => keyPair('ed25519', byte))
const WITNESS = NODES[0]!
const REGISTRAR = keyPair('p256', 0x31)
const [CANDIDATE, CANDIDATE_NODE] = [keyPair('ed25519', 0x14), keyPair('ed25519', 0x24)] as const

/** 2026-01-01T00:00:00Z */
const GENESIS_TIME_MS = 1_767_225_600_000

/** The defaults of version 0.1.0, written out: a later change of a default changes no encoding. */
const PARAMS: Params = {
  blockIntervalMs: 5_000,
  threshold: 1,
  maxHeartbeats: 32_768,
  maxTransactions: 8_192,
  maxBodyBytes: 8_388_608,
  heartbeatMaxAgeMs: 30_000,
  heartbeatMaxFutureMs: 5_000,
  lifeMinIntervalMs: 1_000,
  aliveBlocks: 12,
  epochBlocks: 120,
  lifeWindowEpochs: 144,
  enrolmentsPerEpoch: 1_024,
  rewardInitial: 10_000_000_000n,
  rewardHalvingBlocks: 210_000,
  rewardFloor: 1_000_000n,
  alphaPpm: 400_000,
  betaPpm: 300_000,
  gammaPpm: 300_000,
  continuityMs: 300_000,
  gapMs: 30_000,
  gapBlocks: 8,
  capLegacyPpm: 500_000,
  capNativePpm: 1_000_000,
  capAttestedPpm: 1_000_000,
  accountMinimum: 1_000_000n,
  maxCreations: 1_024,
  enrolled: false,
  development: false,
  timeoutProposeMs: 1_000,
  timeoutProposeDeltaMs: 500,
  timeoutVoteMs: 500,
  timeoutVoteDeltaMs: 250,
  evidenceMaxBlocks: 10_000,
  evidenceMaxAgeMs: 86_400_000,
  trustPeriodMs: 1_209_600_000,
}

const GENESIS: Genesis = {
  version: 1,
  network: 'pulse-vectors',
  timeMs: GENESIS_TIME_MS,
  params: PARAMS,
  validators: VALIDATORS.map((validator, i) => ({ key: raw(validator), nodeKey: raw(NODES[i]!), power: (i + 1) * 1_000_000 })),
  registrars: [toBin(REGISTRAR.publicKey)],
  enrolled: DEVICES.map(({ publicKey }) => toBin(publicKey)).sort(),
}
const HASH = genesisHash(GENESIS)

const VITALS = { rrMs: [812, 797, 805, 820], motionMilliG: [12, 40, 8], temperatureCentiC: 3_345 }
const NONCE = Uint8Array.from({ length: 16 }, (_, i) => i)

function heartbeat(device: KeyPair, sequence: number) {
  const fields: HeartbeatFields = {
    deviceKey: device.publicKey,
    timestampS: GENESIS_TIME_MS / 1_000 + 3,
    sequence,
    witness: rawKey(WITNESS.publicKey, 'ed25519'),
    ...levelsOf(VITALS),
    evidence: evidenceOf(VITALS, NONCE),
  }
  const encoded = encodeHeartbeatFields(fields)
  const message = heartbeatMessage(HASH, encoded)
  const signature = sign(message, device)
  const record = Uint8Array.from([...encoded, ...signature])
  const decoded = decodeHeartbeat(record, heartbeatName(record, HASH, (bytes) => toBin(sha256(bytes))))!
  return { fields, message, signature, record, decoded }
}

function transfer(): { transaction: TransferTransaction; message: Uint8Array } {
  const [sender, recipient] = DEVICES as [KeyPair, KeyPair, KeyPair]
  const fields = {
    sender: toBin(sender.publicKey),
    recipient: toBin(recipient.publicKey),
    amount: 150_000_000n,
    nonce: 7,
    expiryHeight: 1_000,
    memo: new TextEncoder().encode('for the ♥'),
  }
  const message = transferMessage(HASH, fields)
  return { transaction: { kind: TRANSFER_KIND, transfer: signedTransfer(HASH, fields, sign(message, sender)) }, message }
}

function certificate(): Certificate {
  const bare = { height: 41, round: 2, blockId: toBin(new Uint8Array(32).fill(0xaa)), signatures: [] }
  const message = certificateMessage(HASH, bare)
  return { ...bare, signatures: [0, 2].map((validator) => ({ validator, signature: sign(message, VALIDATORS[validator]!) })) }
}

function block(): Block {
  const heartbeats = DEVICES.map((device, i) => heartbeat(device, i + 1).decoded).sort((a, b) => (a.device < b.device ? -1 : 1))
  const parentCertificate = certificate()
  const body = { parentCertificate, heartbeats, transactions: [transfer().transaction] }
  const validators = toBin(validatorsRoot(GENESIS.validators))
  const header: Header = {
    version: HEADER_VERSION,
    height: 42,
    parentId: parentCertificate.blockId,
    timestampMs: GENESIS_TIME_MS + 5_000,
    proposer: raw(VALIDATORS[1]!),
    bodyRoot: toBin(bodyRoot(body)),
    stateRoot: toBin(new Uint8Array(32).fill(0xbb)),
    validatorsRoot: validators,
    nextValidatorsRoot: validators,
    paramsRoot: toBin(paramsRoot(GENESIS.params)),
    parentCertificateRoot: toBin(certificateRoot(parentCertificate)),
    lives: 3,
    weightPpm: 1_234_567,
    cumulativeLifePpm: 9_007_199_254_740_993n,
  }
  return { header, body }
}

/** File name → content; every byte string in hex. */
export function buildVectors(): Record<string, unknown> {
  const { header, body } = block()
  const blockId = headerId(header)
  const { transaction, message: transferBytes } = transfer()
  const votes = [
    { height: 42, round: 0, type: 'prevote', blockId } as const,
    { height: 42, round: 1, type: 'precommit', blockId: null } as const,
  ]
  const proposals = [{ height: 42, round: 0, validRound: -1, blockId }, { height: 42, round: 3, validRound: 1, blockId }]
  const [validator] = VALIDATORS as [KeyPair, KeyPair, KeyPair]
  return {
    keys: [...DEVICES, ...VALIDATORS, ...NODES, REGISTRAR, CANDIDATE, CANDIDATE_NODE].map((pair) => {
      return { curve: pair.curve, secretKey: toHex(pair.secretKey), tagged: toHex(pair.publicKey), text: keyToText(pair.publicKey) }
    }),
    genesis: {
      file: JSON.parse(genesisToJson(GENESIS)) as unknown,
      paramsRoot: toHex(paramsRoot(GENESIS.params)),
      validatorsRoot: toHex(validatorsRoot(GENESIS.validators)),
      hash: toHex(HASH),
    },
    vitals: { ...VITALS, nonce: toHex(NONCE), encoding: toHex(encodeVitals(VITALS)), evidence: toHex(evidenceOf(VITALS, NONCE)), ...levelsOf(VITALS) },
    heartbeat: DEVICES.map((device, i) => {
      const { fields, message, signature, record, decoded } = heartbeat(device, i + 1)
      return {
        curve: device.curve,
        deviceKey: toHex(fields.deviceKey),
        timestampS: fields.timestampS,
        sequence: fields.sequence,
        witness: toHex(fields.witness),
        rateLevel: fields.rateLevel,
        motionLevel: fields.motionLevel,
        evidence: toHex(fields.evidence),
        message: toHex(message),
        signature: toHex(signature),
        record: toHex(record),
        id: toHex(sha256(message)),
        name: hexOf(decoded.name),
      }
    }),
    transfer: {
      sender: hexOf(transaction.transfer.sender),
      recipient: hexOf(transaction.transfer.recipient),
      amount: transaction.transfer.amount.toString(),
      nonce: transaction.transfer.nonce,
      expiryHeight: transaction.transfer.expiryHeight,
      memo: new TextDecoder().decode(transaction.transfer.memo),
      message: toHex(transferBytes),
      signature: toHex(transaction.transfer.signature),
      transaction: toHex(encodeTransaction(transaction)),
      id: hexOf(transaction.transfer.id),
    },
    governance: governanceVectors({
      hash: HASH, params: PARAMS, registrar: REGISTRAR, devices: DEVICES, validators: VALIDATORS, candidate: CANDIDATE, node: CANDIDATE_NODE,
    }),
    vote: votes.map((statement) => {
      const message = voteMessage(HASH, statement)
      const signature = sign(message, validator)
      const id = statement.blockId === null ? null : hexOf(statement.blockId)
      const encoding = toHex(encodeVote({ ...statement, validator: raw(validator), signature }))
      return { ...statement, blockId: id, validator: hexOf(raw(validator)), message: toHex(message), signature: toHex(signature), encoding }
    }),
    proposal: proposals.map((statement) => {
      const message = proposalMessage(HASH, statement)
      const signature = sign(message, validator)
      const encoding = toHex(encodeProposal({ ...statement, proposer: raw(validator), signature }))
      return { ...statement, blockId: hexOf(blockId), proposer: hexOf(raw(validator)), message: toHex(message), signature: toHex(signature), encoding }
    }),
    certificate: {
      height: 41,
      round: 2,
      blockId: hexOf(certificate().blockId),
      message: toHex(certificateMessage(HASH, certificate())),
      signers: certificate().signatures.map(({ validator: index }) => index),
      encoding: toHex(encodeCertificate(certificate())),
      root: toHex(certificateRoot(certificate())),
    },
    block: {
      header: Object.fromEntries(
        Object.entries(header).map(([name, value]: [string, string | number | bigint]) => [name, typeof value === 'string' ? hexOf(value) : typeof value === 'bigint' ? value.toString() : value]),
      ),
      headerEncoding: toHex(encodeHeader(header)),
      id: hexOf(blockId),
      bodyRoot: toHex(bodyRoot(body)),
      emptyBodyRoot: toHex(bodyRoot({ heartbeats: [], transactions: [] })),
      encoding: toHex(encodeBlock({ header, body })),
    },
  }
}

export const bytes = (hex: string): Uint8Array => fromHex(hex)!
