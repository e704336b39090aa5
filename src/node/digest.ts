// SHA-256 as a byte string, by the platform's fast implementation.

import { hash } from 'node:crypto'
import type { Bin } from '../base/bytes.ts'

export const digest = (bytes: Uint8Array): Bin => hash('sha256', bytes, 'binary')
