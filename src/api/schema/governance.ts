// Who validates, and by which parameters.

import { Type } from 'typebox'
import { Count, Hex32, KeyText, nullable, ParamsObject, ref, UnixMs } from './common.ts'

const Lives = Type.Number({ minimum: 0, description: 'Lives' })
const member = {
  key: { ...Hex32, description: 'Ed25519 key that signs votes' },
  nodeKey: { ...Hex32, description: 'Ed25519 key of its node, which heartbeats name as their witness' },
  base: { ...Count, description: 'Base power; one life = 1 000 000' },
}

export const ValidatorSchema = Type.Object(
  {
    ...member,
    power: { ...Count, description: 'Voting power in this epoch: base and life power' },
    lives: { ...Count, description: 'Lives that have beaten in every quarter of this epoch so far, the last time through its node' },
    meanLives: { ...Lives, description: 'Mean lives of the past epochs: what makes life power' },
    signed: { ...Count, description: 'Certificates of this epoch that it signed' },
    possible: { ...Count, description: 'Certificates of this epoch that blocks show; who signed fewer than two thirds gets no life power' },
    since: { ...Count, description: 'Height since which it is a validator' },
    leaving: Type.Boolean({ description: 'It leaves with the end of the epoch' }),
    barred: Type.Boolean({ description: 'It signed twice, and loses its power with the end of the epoch' }),
  },
  { $id: 'Validator' },
)

const Pending = Type.Object(
  {
    activationHeight: { ...Count, description: 'As it was approved' },
    effectiveHeight: { ...Count, description: 'First block of the epoch in which it takes effect' },
  },
  { description: 'A change of the parameters that was committed and waits' },
)

export const ValidatorsSchema = Type.Object(
  {
    height: Count,
    epoch: Type.Object({
      number: Count,
      firstHeight: Count,
      lastHeight: Count,
      blocksLeft: { ...Count, description: 'Until its last block is committed' },
      startMs: { ...UnixMs, description: 'Timestamp of the block before it' },
    }),
    enrolled: Type.Boolean({ description: 'Only enrolled lives count, and they give power' }),
    totalPower: Count,
    validators: Type.Array(ref(ValidatorSchema), { description: 'Of this epoch, ascending by key' }),
    waiting: Type.Array(Type.Object(member), { description: 'Joined, but not yet validators: they are from the next epoch on' }),
    barred: Type.Array(Hex32, { description: 'Keys that signed twice: they never validate again' }),
    registrars: Type.Array(
      Type.Object({
        key: KeyText,
        used: { ...Count, description: 'Lives that it enrolled in this epoch' },
        quota: { ...Count, description: 'Lives that it may enrol in an epoch' },
      }),
    ),
    paramsSince: { ...Count, description: 'Height since which the parameters hold; 0 = since the genesis' },
    change: nullable(Pending),
  },
  { $id: 'Validators' },
)

export const ParamsSchema = Type.Object(
  {
    height: Count,
    params: ParamsObject,
    paramsRoot: { ...Hex32, description: 'Hash tree root of the parameters, as headers have it' },
    paramsSince: { ...Count, description: 'Height since which they hold; 0 = since the genesis' },
    change: nullable(Type.Object({ ...Pending.properties, params: ParamsObject })),
  },
  { $id: 'Params' },
)
