// GET /v2/ws: the WebSocket.

import { ref, responses } from '../schema/common.ts'
import { Problem } from '../problem.ts'
import type { Stream } from '../stream.ts'
import { ClientFrame, ServerFrame } from '../schema/stream.ts'
import type { ApiContext, App } from './context.ts'
import { Type } from 'typebox'

const schema = {
  operationId: 'stream',
  tags: ['submit'],
  summary: 'WebSocket: submit heartbeats, follow blocks and status',
  description: 'Text frames, one JSON object each. The client sends ClientFrame objects, the node answers with ServerFrame objects.',
  response: {
    ...responses(Type.Union([ref(ClientFrame), ref(ServerFrame)]), 'Never sent: it shows the frames of both directions', 426, 429, 503),
    101: { description: 'Switching to WebSocket' },
  },
}

export async function streamRoutes(app: App, { options }: ApiContext, stream: Stream): Promise<void> {
  app.route({
    method: 'GET',
    url: '/v2/ws',
    schema,
    exposeHeadRoute: false,
    onRequest: async (request) => {
      if (request.ws && stream.size >= options.maxClients) throw new Problem('too_many_clients')
    },
    handler: async () => {
      throw new Problem('upgrade_required', undefined, { upgrade: 'websocket', connection: 'upgrade' })
    },
    wsHandler: (socket, request) => stream.attach(socket, request.ip),
  })
}
