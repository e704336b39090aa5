// Paths of unix sockets. The system takes about a hundred bytes, and a data directory may lie deeper than that: on Linux a longer
// path is then reached through a descriptor of its directory.

import { closeSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { Failure } from './failure.ts'

/** 104 on macOS and 108 on Linux, with a zero at the end. */
const MAX_PATH_BYTES = 103

export interface SocketPath {
  /** To listen on or to connect to, until it is released. */
  readonly path: string
  release(): void
}

/** @throws Failure('config') if the path is too long for this system; the system's error if a long path has no directory */
export function socketPath(path: string): SocketPath {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return { path, release: () => undefined }
  if (process.platform !== 'linux') {
    throw new Failure('config', `The path ${path} is too long for a socket`, `Choose a data directory with a shorter path: ${MAX_PATH_BYTES} bytes at the most.`)
  }
  const directory = openSync(dirname(path), 'r')
  return { path: `/proc/self/fd/${directory}/${basename(path)}`, release: () => closeSync(directory) }
}
