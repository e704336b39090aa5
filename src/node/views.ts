// What the API shows of blocks and accounts.

import type { AccountView, BlockView, HeartbeatView } from '../api/backend.ts'
import { binToHex, toHex } from '../base/bytes.ts'
import { corruptChain } from '../chain/seal.ts'
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
import { toBase64 } from './base64.ts'
import type { StoredHeader } from './header-codec.ts'

export function blockView({ header, heartbeats, transactions, minted, bodyBytes, power, totalPower }: StoredHeader, certificate: Certificate): BlockView {
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
    certificate: { round: certificate.round, signatures: certificate.signatures.length, power, totalPower },
  }
}

export function heartbeatView(record: Uint8Array, genesisHash: Uint8Array): HeartbeatView {
  const heartbeat = decodeHeartbeat(record, '')
  if (heartbeat === null) throw corruptChain('a stored heartbeat cannot be read')
  return {
    id: toHex(sha256(heartbeatMessage(genesisHash, heartbeatFields(record)))),
    device: keyToText(heartbeatDeviceKey(record)),
    timestampS: heartbeat.timestampS,
    sequence: heartbeat.sequence,
    witness: toHex(heartbeatWitness(record)),
    rateLevel: heartbeat.rateLevel,
    motionLevel: heartbeat.motionLevel,
    evidence: toHex(heartbeatEvidence(record)),
    signature: toBase64(heartbeatSignature(record)),
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
