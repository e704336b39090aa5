// Transactions as the API shows them: one shape for each kind, told apart by `kind`.

import { Type } from 'typebox'
import { MAX_ENROLMENT_DEVICES, MAX_VALIDATORS } from '../../protocol/limits.ts'
import { Amount, Count, Hex32, KeyText, nullable, ParamsObject, ref, Signature } from './common.ts'

const ExpiryHeight = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Last height at which it may be committed' })
const SignedAt = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Height of the head when it was signed' })
const ValidatorKey = { ...Hex32, description: 'Ed25519 key of the validator' }
const Approvals = Type.Array(Type.Object({ validator: ValidatorKey, signature: Signature }), {
  maxItems: MAX_VALIDATORS,
  description: 'Validators that approve, ascending by key',
})

/** What all kinds have. */
const common = {
  id: Hex32,
  height: nullable(Type.Integer({ minimum: 1, description: 'Block that holds it; null while it waits' })),
}

export const TransferSchema = Type.Object(
  {
    ...common,
    kind: Type.Literal('transfer'),
    sender: KeyText,
    recipient: KeyText,
    amount: Amount,
    nonce: Count,
    expiryHeight: ExpiryHeight,
    memo: Type.String({ maxLength: 128, description: 'What the sender wrote: not to be trusted, not to be shown as markup' }),
    signature: Signature,
  },
  { $id: 'TransferTransaction' },
)

export const EnrolmentSchema = Type.Object(
  {
    ...common,
    kind: Type.Literal('enrolment'),
    registrar: KeyText,
    devices: Type.Array(KeyText, { minItems: 1, maxItems: MAX_ENROLMENT_DEVICES, description: 'Keys of which each is one life' }),
    expiryHeight: ExpiryHeight,
    signature: Signature,
  },
  { $id: 'EnrolmentTransaction' },
)

export const JoinSchema = Type.Object(
  {
    ...common,
    kind: Type.Literal('join'),
    key: ValidatorKey,
    nodeKey: { ...Hex32, description: 'Ed25519 key of its node' },
    base: Type.Integer({ minimum: 0, description: 'Base power, one life = 1 000 000; above 0 only with approvals' }),
    signedAt: SignedAt,
    expiryHeight: ExpiryHeight,
    signature: Signature,
    nodeSignature: Signature,
    approvals: Approvals,
  },
  { $id: 'JoinTransaction' },
)

export const LeaveSchema = Type.Object(
  { ...common, kind: Type.Literal('leave'), key: ValidatorKey, signedAt: SignedAt, expiryHeight: ExpiryHeight, signature: Signature },
  { $id: 'LeaveTransaction' },
)

export const ParametersSchema = Type.Object(
  {
    ...common,
    kind: Type.Literal('parameters'),
    paramsRoot: { ...Hex32, description: 'Root of the parameters that are replaced' },
    paramsSince: Type.Integer({ minimum: 0, description: 'Height since which those hold' }),
    activationHeight: Type.Integer({ minimum: 0, description: 'The new ones hold from the first epoch that begins there or later' }),
    expiryHeight: ExpiryHeight,
    params: ParamsObject,
    approvals: Approvals,
  },
  { $id: 'ParametersTransaction' },
)

const EvidenceVote = Type.Object({ blockId: nullable({ ...Hex32, description: 'Null for a vote for no block' }), signature: Signature })

export const EvidenceSchema = Type.Object(
  {
    ...common,
    kind: Type.Literal('evidence'),
    validator: { ...Hex32, description: 'Key that signed both votes' },
    voteHeight: Count,
    round: Count,
    type: Type.Union([Type.Literal('prevote'), Type.Literal('precommit')]),
    first: EvidenceVote,
    second: EvidenceVote,
  },
  { $id: 'EvidenceTransaction' },
)

export const TRANSACTION_KINDS = [TransferSchema, EnrolmentSchema, JoinSchema, LeaveSchema, ParametersSchema, EvidenceSchema] as const

/** Kind → schema. */
const mapping = Object.fromEntries(
  TRANSACTION_KINDS.map((schema) => [schema.properties.kind.const, `#/components/schemas/${(schema as { $id?: string }).$id}`]),
)

export const TransactionSchema = Type.Union(
  [ref(TransferSchema), ref(EnrolmentSchema), ref(JoinSchema), ref(LeaveSchema), ref(ParametersSchema), ref(EvidenceSchema)],
  { $id: 'Transaction', discriminator: { propertyName: 'kind', mapping }, description: 'A transaction; its members depend on its kind' },
)
