// Everything that happened, as one hash; and as text, if somebody wants to read it.

import type { Bin } from '../base/bytes.ts'
import { binToHex } from '../base/bytes.ts'
import { mix } from './prng.ts'

/** A field of an event: a number, a word, or an id (only its first 8 bytes count). */
export type Field = number | string | null

export class Trace {
  #low = 0x811c9dc5
  #high = 0x9e3779b9
  /** Events so far. */
  count = 0
  /** One line per event if they are kept, the oldest dropped first. */
  readonly lines: string[] = []
  readonly #maxLines: number

  constructor(maxLines = 0) {
    this.#maxLines = maxLines
  }

  /** @param node its index; −1 for the world */
  add(atMs: number, node: number, kind: string, ...fields: readonly Field[]): void {
    this.count++
    this.#number(atMs)
    this.#number(node)
    this.#text(kind)
    for (const field of fields) {
      if (typeof field === 'number') this.#number(field)
      else this.#text(field ?? 'nil')
    }
    if (this.#maxLines === 0) return
    const when = String(atMs).padStart(8)
    this.lines.push(`${when} ${node < 0 ? 'world ' : `node ${node}`} ${kind} ${fields.map(show).join(' ')}`)
    if (this.lines.length > this.#maxLines) this.lines.shift()
  }

  /** 16 hex digits over all events so far. */
  get hash(): string {
    return [this.#low, this.#high].map((half) => mix(half).toString(16).padStart(8, '0')).join('')
  }

  #number(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = (Math.imul(this.#high, 0x85ebca6b) + Math.floor(value / 0x1_0000) + value) | 0
    this.#low ^= this.#low >>> 15
  }

  #text(text: string): void {
    const length = Math.min(text.length, 12)
    for (let i = 0; i < length; i++) this.#number(text.charCodeAt(i))
    this.#number(-text.length)
  }
}

const show = (field: Field): string => (field === null ? 'nil' : typeof field === 'string' && field.length === 32 ? shortId(field) : String(field))

export const shortId = (id: Bin | null): string => (id === null ? 'nil' : binToHex(id.slice(0, 4)))
