// Replays a recording of RR intervals as if a watch measured it now.
//
// Format: one RR interval per line, in order, in whole milliseconds (empty lines are ignored). Values over 2000 ms or
// under 270 ms are gaps or artefacts: the series is split there, and no span of vitals reaches over a gap.

import { MAX_RR_INTERVALS } from '../protocol/limits.ts'
import { DeviceError } from './error.ts'
import type { VitalsSource } from './source.ts'
import { vitalsOf } from './source.ts'

export const GAP_ABOVE_MS = 2_000
export const GAP_BELOW_MS = 270
/** About ten days of beats. */
export const MAX_RECORDING_BEATS = 1_000_000

export interface Recording {
  /** Runs of intervals without a gap, ms; at least one, none empty. */
  readonly segments: readonly (readonly number[])[]
  readonly beats: number
  /** Without the gaps. */
  readonly durationMs: number
}

/** @throws DeviceError `bad_recording`, with the line number */
export function parseRecording(text: string): Recording {
  const segments: number[][] = []
  let open: number[] | null = null
  let beats = 0
  let durationMs = 0
  let lineNumber = 0
  for (const raw of text.split('\n')) {
    lineNumber++
    const line = raw.trim()
    if (line === '') continue
    if (!/^\d{1,9}$/.test(line)) throw new DeviceError('bad_recording', `line ${lineNumber} is not an RR interval in whole milliseconds`)
    const rr = Number(line)
    if (rr > GAP_ABOVE_MS || rr < GAP_BELOW_MS) {
      open = null
      continue
    }
    if (open === null) segments.push((open = []))
    open.push(rr)
    durationMs += rr
    if (++beats > MAX_RECORDING_BEATS) throw new DeviceError('bad_recording', `the recording has over ${MAX_RECORDING_BEATS} beats`)
  }
  if (beats === 0) throw new DeviceError('bad_recording', 'the recording holds no RR interval')
  return { segments, beats, durationMs }
}

export interface ReplayOptions {
  /** Seconds of recording per second of life; above 0. Over 1 only on development networks. Default 1. */
  readonly speed?: number
  /** At the end start again. Default false: the source ends. */
  readonly loop?: boolean
}

export interface Replay extends VitalsSource {
  /** Recording replayed so far, ms, gaps not counted. */
  readonly positionMs: number
}

/**
 * A span of wall time covers span × speed of the recording; the part of a beat that is left over counts for the next
 * span. A span ends early at a gap and the next one begins behind it. Of over 64 beats in a span the last 64 are given.
 * Recordings hold no motion and no temperature: motion is empty (level 0) and temperature 0.
 */
export function createReplay(recording: Recording, { speed = 1, loop = false }: ReplayOptions = {}): Replay {
  if (!(speed > 0) || !Number.isFinite(speed)) throw new RangeError('the speed of a replay is a number above 0')
  const { segments } = recording
  let segment = 0
  let index = 0
  let budgetMs = 0
  let positionMs = 0
  let ended = false

  /** Moves behind a gap, or to the start, or ends. */
  function nextSegment(): void {
    segment++
    index = 0
    if (segment < segments.length) return
    if (loop) segment = 0
    else ended = true
  }

  function take(): number[] {
    const rrMs: number[] = []
    while (!ended) {
      const rr = segments[segment]![index]!
      if (rr > budgetMs) return rrMs
      budgetMs -= rr
      positionMs += rr
      if (rrMs.push(rr) > MAX_RR_INTERVALS) rrMs.shift()
      if (++index < segments[segment]!.length) continue
      nextSegment()
      // What is left of the span would reach over the gap.
      budgetMs = 0
      return rrMs
    }
    return rrMs
  }

  return {
    developmentOnly: speed > 1,
    get ended() {
      return ended
    },
    get positionMs() {
      return positionMs
    },
    next(spanMs) {
      budgetMs += spanMs * speed
      return vitalsOf(take(), [], 0)
    },
  }
}
