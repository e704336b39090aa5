// Reads a recording from a file, plain or gzip. For Node only; browsers give their text to parseRecording.

import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { DeviceError } from './error.ts'
import type { Recording } from './recording.ts'
import { parseRecording } from './recording.ts'

const MAX_TEXT_BYTES = 16 * 1024 * 1024

/** @throws DeviceError `bad_recording` if the file cannot be read, or holds no recording */
export async function readRecording(path: string): Promise<Recording> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    throw new DeviceError('bad_recording', `cannot read ${path}: ${(error as Error).message}`, {}, { cause: error })
  }
  // Gzip by its magic number, not by the file's name.
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: MAX_TEXT_BYTES })
    } catch (error) {
      throw new DeviceError('bad_recording', `${path} is damaged, or over ${MAX_TEXT_BYTES} bytes long`, {}, { cause: error })
    }
  }
  if (bytes.length > MAX_TEXT_BYTES) throw new DeviceError('bad_recording', `${path} is over ${MAX_TEXT_BYTES} bytes long`)
  return parseRecording(bytes.toString('latin1'))
}
