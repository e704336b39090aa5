// Submissions of heartbeats and transactions, and the verdicts on them.

import { Type } from 'typebox'
import { HEARTBEAT_MESSAGE_SIZE } from '../../protocol/heartbeat.ts'
import { MAX_MOTION_SAMPLES, MAX_RR_INTERVALS, MAX_TRANSACTION_BYTES } from '../../protocol/limits.ts'
import { MAX_MOTION_MILLI_G, MAX_RR_MS, MIN_RR_MS, NONCE_SIZE } from '../../protocol/vitals.ts'
import { base64Size } from '../base64.ts'
import { MAX_BATCH } from '../limits.ts'
import { Hex32, ref, STRICT } from './common.ts'

const base64 = (sizeBytes: number, what: string) =>
  Type.String({
    contentEncoding: 'base64',
    minLength: base64Size(sizeBytes),
    maxLength: base64Size(sizeBytes),
    description: `${what}, ${sizeBytes} bytes, canonical base64`,
  })

export const VitalsInput = Type.Object(
  {
    rrMs: Type.Array(Type.Integer({ minimum: MIN_RR_MS, maximum: MAX_RR_MS }), {
      minItems: 1,
      maxItems: MAX_RR_INTERVALS,
      description: 'Intervals between beats, ms',
    }),
    motionMilliG: Type.Array(Type.Integer({ minimum: 0, maximum: MAX_MOTION_MILLI_G }), {
      maxItems: MAX_MOTION_SAMPLES,
      description: 'Magnitudes of acceleration without gravity, milli-g',
    }),
    temperatureCentiC: Type.Integer({ minimum: 0, maximum: 0xffff, description: 'Hundredths of °C; 0 if not measured' }),
  },
  { ...STRICT, $id: 'Vitals', description: 'What the sensors measured. The witness checks it and never passes it on.' },
)

export const HeartbeatInput = Type.Object(
  {
    message: base64(HEARTBEAT_MESSAGE_SIZE, 'The signed bytes'),
    signature: base64(64, 'The signature of the device'),
    vitals: Type.Optional(ref(VitalsInput)),
    nonce: Type.Optional(base64(NONCE_SIZE, 'Nonce of the evidence, together with vitals')),
  },
  { ...STRICT, $id: 'Heartbeat', description: 'A signed heartbeat, as docs/protocol.md lays out its bytes' },
)

export const HeartbeatBatchInput = Type.Object(
  { heartbeats: Type.Array(ref(HeartbeatInput), { minItems: 1, maxItems: MAX_BATCH }) },
  { ...STRICT, $id: 'HeartbeatBatch' },
)

export const Accepted = Type.Object(
  {
    accepted: Type.Literal(true),
    id: Hex32,
    weightPpm: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Weight to expect, parts per million' }),
  },
  { $id: 'Accepted' },
)

export const Refused = Type.Object({ accepted: Type.Literal(false), code: Type.String(), detail: Type.String() }, { $id: 'Refused' })

export const Verdicts = Type.Object(
  {
    verdicts: Type.Array(Type.Union([ref(Accepted), ref(Refused)]), {
      maxItems: MAX_BATCH,
      description: 'In the order of the heartbeats',
    }),
  },
  { $id: 'Verdicts' },
)

const transactionText = (description: string) =>
  Type.String({ contentEncoding: 'base64', minLength: 4, maxLength: base64Size(MAX_TRANSACTION_BYTES), description })

export const TransferInput = Type.Object(
  { message: transactionText('The signed bytes, canonical base64'), signature: base64(64, 'The signature of the sender') },
  { ...STRICT, $id: 'TransferSubmission', description: 'A transfer, as its sender signed it' },
)

export const EncodedTransactionInput = Type.Object(
  { transaction: transactionText('Kind and payload with all signatures, canonical base64') },
  { ...STRICT, $id: 'EncodedTransactionSubmission', description: 'A transaction of any kind, encoded as in a block' },
)

export const TransactionAccepted = Type.Object({ accepted: Type.Literal(true), id: Hex32 }, { $id: 'TransactionAccepted' })
