// Processor time and memory of another process, from Linux's /proc.

import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second, whatever the kernel's own tick. */
const MS_PER_TICK = 10

export interface Memory {
  readonly rssMb: number
  /** The highest it ever was. */
  readonly peakMb: number
}

/** User and system time of all its threads, ms. */
export const cpuMs = (pid: number): number => ticksOf(`/proc/${pid}/stat`) * MS_PER_TICK

/** Of each thread, ms, by its number. */
export function threadsCpuMs(pid: number): Map<number, number> {
  return new Map(readdirSync(`/proc/${pid}/task`).map((id) => [Number(id), ticksOf(`/proc/${pid}/task/${id}/stat`) * MS_PER_TICK]))
}

function ticksOf(path: string): number {
  const text = readFileSync(path, 'utf8')
  // The name of a program may hold spaces; fields are counted behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

export function memory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1])
  return { rssMb: (kilobytes('VmRSS') * 1_024) / 1e6, peakMb: (kilobytes('VmHWM') * 1_024) / 1e6 }
}
