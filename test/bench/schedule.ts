// Who beats when. Every life beats once in each window of `everyS` seconds, at a second that changes from window to
// window, so that lives that beat together do not stay together; every second has equally many beats.

export interface Schedule {
  /** A multiple of `everyS`. */
  readonly lives: number
  readonly everyS: number
  /** A multiple of `everyS`. */
  readonly seconds: number
}

export interface Beat {
  /** From the start, whole seconds. */
  readonly second: number
  /** Position among all beats, in order of time. */
  readonly position: number
}

export const beatsPerSecond = ({ lives, everyS }: Schedule): number => lives / everyS
export const beatsOf = ({ lives, everyS, seconds }: Schedule): number => (lives * seconds) / everyS

/** The nearest schedule with about that many beats per second. */
export function scheduleOf(ratePerS: number, everyS: number, seconds: number): Schedule {
  return { lives: Math.round(ratePerS) * everyS, everyS, seconds: Math.ceil(seconds / everyS) * everyS }
}

/** The beat of a life in one window. */
export function beatOf(schedule: Schedule, life: number, window: number): Beat {
  const { lives, everyS } = schedule
  const rank = (life * stride(lives, window) + 7 * window) % lives
  const second = window * everyS + (rank % everyS)
  return { second, position: second * beatsPerSecond(schedule) + Math.floor(rank / everyS) }
}

/** A factor that is prime to `lives`, so that every window permutes the lives; another one per window. */
function stride(lives: number, window: number): number {
  let factor = (Math.floor(lives * 0.618) + 97 * window) % lives | 1
  while (greatestDivisor(factor, lives) !== 1) factor += 2
  return factor
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}
