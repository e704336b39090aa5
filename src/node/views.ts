// What the API shows of blocks, accounts and transactions.

import type { AccountView, BlockView, HeartbeatView, TransactionView } from '../api/backend.ts'
import { binToHex, toHex } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { keyBinToText, keyToText } from '../crypto/keys.ts'
import type { Account } from '../ledger/account.ts'
import type { Ledger } from '../ledger/state.ts'
import { gapLimitMs } from '../ledger/weight.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { headerId } from '../protocol/header.ts'
import {
  decodeHeartbeat, heartbeatDeviceKey, heartbeatEvidence, heartbeatFields, heartbeatMessage, heartbeatSignature, heartbeatWitness,
} from '../protocol/heartbeat.ts'
import type { Transaction } from '../protocol/transaction.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import { totalPower } from '../protocol/validators.ts'
import { corrupt } from './ledger-store.ts'
import type { StoredHeader } from './header-codec.ts'

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')

/** @param validators the set of that height */
export function blockView({ header, heartbeats, transactions, minted, bodyBytes }: StoredHeader, certificate: Certificate, validators: ValidatorSet): BlockView {
  const { version, height, timestampMs, lives, weightPpm } = header
  return {
    id: binToHex(headerId(header)),
    version,
    height,
    parentId: binToHex(header.parentId),
    timestampMs,
    proposer: binToHex(header.proposer),
    bodyRoot: binToHex(header.bodyRoot),
    stateRoot: binToHex(header.stateRoot),
    validatorsRoot: binToHex(header.validatorsRoot),
    nextValidatorsRoot: binToHex(header.nextValidatorsRoot),
    paramsRoot: binToHex(header.paramsRoot),
    parentCertificateRoot: binToHex(header.parentCertificateRoot),
    lives,
    weightPpm,
    cumulativeLifePpm: header.cumulativeLifePpm.toString(),
    heartbeats,
    transactions,
    reward: minted.toString(),
    sizeBytes: bodyBytes,
    certificate: {
      round: certificate.round,
      signatures: certificate.signatures.length,
      power: certificate.signatures.reduce((sum, { validator }) => sum + (validators[validator]?.power ?? 0), 0),
      totalPower: totalPower(validators),
    },
  }
}

export function heartbeatView(record: Uint8Array, genesisHash: Uint8Array): HeartbeatView {
  const heartbeat = decodeHeartbeat(record, '')
  if (heartbeat === null) throw corrupt('a stored heartbeat cannot be read')
  return {
    id: toHex(sha256(heartbeatMessage(genesisHash, heartbeatFields(record)))),
    device: keyToText(heartbeatDeviceKey(record)),
    timestampS: heartbeat.timestampS,
    sequence: heartbeat.sequence,
    witness: toHex(heartbeatWitness(record)),
    rateLevel: heartbeat.rateLevel,
    motionLevel: heartbeat.motionLevel,
    evidence: toHex(heartbeatEvidence(record)),
    signature: base64(heartbeatSignature(record)),
  }
}

/** @param height of the block that holds it; null while it waits */
export function transactionView({ transfer }: Transaction, height: number | null): TransactionView {
  return {
    id: binToHex(transfer.id),
    kind: 'transfer',
    sender: keyBinToText(transfer.sender),
    recipient: keyBinToText(transfer.recipient),
    amount: transfer.amount.toString(),
    nonce: transfer.nonce,
    expiryHeight: transfer.expiryHeight,
    memo: new TextDecoder('utf-8', { ignoreBOM: true }).decode(transfer.memo),
    signature: base64(transfer.signature),
    height,
  }
}

/** @param waiting transfers of this account that wait, and what they promise */
export function accountView(account: Account, ledger: Ledger, waiting: { count: number; amount: bigint }): AccountView {
  const { params, height, activeMs } = ledger
  const beaten = account.lastHeight > 0
  const streak = beaten && activeMs - account.lastActiveMs <= gapLimitMs(params)
  return {
    key: keyBinToText(account.key),
    index: account.index,
    balance: account.balance.toString(),
    available: (account.balance - waiting.amount).toString(),
    earned: account.earned.toString(),
    nonce: account.nonce,
    nextNonce: account.nonce + waiting.count,
    blocks: account.blocks,
    enrolled: account.enrolled,
    alive: beaten && height + 1 - account.lastHeight <= params.aliveBlocks,
    lastHeartbeat: beaten ? { height: account.lastHeight, timestampS: account.lastTimestampS, sequence: account.lastSequence } : null,
    streakMs: streak ? activeMs - account.streakStartMs : 0,
  }
}
