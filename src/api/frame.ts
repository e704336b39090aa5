// Reads the frames of WebSocket clients.

import { MAX_REF } from './limits.ts'
import { Problem } from './problem.ts'
import type { Topic } from './schema/stream.ts'
import { TOPICS } from './schema/stream.ts'
import type { Submission } from './submission.ts'
import { isObject, submissionFromJson } from './submission.ts'

export type Frame =
  | { readonly type: 'heartbeats'; readonly submission: Submission }
  | { readonly type: 'subscribe'; readonly topics: readonly Topic[] }

/** The object in a text frame. Throws a Problem. */
export function parseFrame(data: Buffer, isBinary: boolean): Record<string, unknown> {
  if (isBinary) throw new Problem('malformed', 'Frames are text.')
  let frame: unknown
  try {
    frame = JSON.parse(data.toString('utf8'))
  } catch {
    throw new Problem('malformed', 'The frame is not JSON.')
  }
  if (!isObject(frame)) throw new Problem('malformed', 'A frame must be a JSON object.')
  return frame
}

/** The client's own reference, if it is one. Throws a Problem if there is something else in its place. */
export function refOf(frame: Record<string, unknown>): string | undefined {
  const { ref } = frame
  if (ref === undefined || (typeof ref === 'string' && ref.length <= MAX_REF)) return ref
  throw new Problem('malformed', `ref must be a string of at most ${MAX_REF} characters.`)
}

/** Throws a Problem. */
export function readFrame(frame: Record<string, unknown>): Frame {
  const { type, ref: _ref, ...members } = frame
  switch (type) {
    case 'heartbeat':
      return { type: 'heartbeats', submission: submissionFromJson([members]) }
    case 'heartbeats':
      return { type, submission: submissionFromJson(only(members, 'heartbeats')) }
    case 'subscribe': {
      const topics = only(members, 'topics')
      if (Array.isArray(topics) && topics.length <= TOPICS.length && topics.every(isTopic)) return { type, topics }
      throw new Problem('malformed', `topics must be a list of these: ${TOPICS.join(', ')}.`)
    }
    default:
      throw new Problem('malformed', 'type must be heartbeat, heartbeats or subscribe.')
  }
}

function only(members: Record<string, unknown>, name: string): unknown {
  if (Object.keys(members).some((key) => key !== name)) {
    throw new Problem('malformed', `Beside type and ref, the frame has the member ${name}, and no other.`)
  }
  return members[name]
}

const isTopic = (value: unknown): value is Topic => TOPICS.some((topic) => topic === value)
