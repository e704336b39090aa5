// Frames of the WebSocket, for the OpenAPI document: text frames, one JSON object each.

import { Type } from 'typebox'
import { MAX_BATCH, MAX_REF } from '../limits.ts'
import { BlockSchema } from './chain.ts'
import { ref, STRICT } from './common.ts'
import { Accepted, HeartbeatInput, Refused } from './heartbeat.ts'
import { StatusSchema } from './node.ts'

const reference = Type.Optional(Type.String({ maxLength: MAX_REF, description: 'Comes back with the answer' }))

export const TOPICS = ['blocks', 'status'] as const
export type Topic = (typeof TOPICS)[number]

const HeartbeatsFrame = Type.Object(
  {
    type: Type.Literal('heartbeats'),
    ref: reference,
    heartbeats: Type.Array(ref(HeartbeatInput), { minItems: 1, maxItems: MAX_BATCH }),
  },
  STRICT,
)
const HeartbeatFrame = Type.Object({ type: Type.Literal('heartbeat'), ref: reference, ...HeartbeatInput.properties }, STRICT)
const SubscribeFrame = Type.Object(
  {
    type: Type.Literal('subscribe'),
    ref: reference,
    topics: Type.Array(Type.Union(TOPICS.map((topic) => Type.Literal(topic))), {
      maxItems: TOPICS.length,
      description: 'All topics from now on',
    }),
  },
  STRICT,
)

export const ClientFrame = Type.Union(
  [HeartbeatsFrame, HeartbeatFrame, SubscribeFrame],
  { $id: 'ClientFrame', description: 'What a WebSocket client may send' },
)

export const ServerFrame = Type.Union(
  [
    Type.Object({ type: Type.Literal('verdicts'), ref: reference, verdicts: Type.Array(Type.Union([ref(Accepted), ref(Refused)])) }),
    Type.Object({ type: Type.Literal('subscribed'), ref: reference, topics: Type.Array(Type.String()) }),
    Type.Object({ type: Type.Literal('block'), block: ref(BlockSchema) }),
    Type.Object({ type: Type.Literal('status'), status: ref(StatusSchema) }),
    Type.Object({ type: Type.Literal('error'), ref: reference, code: Type.String(), detail: Type.String() }),
    Type.Object({ type: Type.Literal('lagged') }, { description: 'The client read too slowly: the connection ends' }),
  ],
  { $id: 'ServerFrame', description: 'What the node sends to a WebSocket client' },
)
