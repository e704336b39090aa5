// Bytes, and byte strings for map keys.
//
// A `Bin` is a string that holds one byte per character. It is compact (one byte per character in V8), works as a
// Map key, and compares in byte order, so in-memory ids and keys are Bins; everything that is encoded is a Uint8Array.

/** A string that holds one byte (0…255) per character. */
export type Bin = string

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Returns null unless `text` is an even number of hex digits (either case). */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** For keys and ids only: at most a few thousand bytes. */
export function toBin(bytes: Uint8Array): Bin {
  return String.fromCharCode.apply(null, bytes as unknown as number[])
}

export function fromBin(bin: Bin): Uint8Array {
  const bytes = new Uint8Array(bin.length)
  copyBin(bin, bytes, 0)
  return bytes
}

export function copyBin(bin: Bin, target: Uint8Array, offset: number): void {
  for (let i = 0; i < bin.length; i++) target[offset + i] = bin.charCodeAt(i)
}

export const binToHex = (bin: Bin): string => toHex(fromBin(bin))

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => concatAll(parts)

/** For lists of any length: a call takes only so many arguments. */
export function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const whole = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Sort order of Bins: byte order. (`localeCompare` would differ between machines.) */
export function compareBin(a: Bin, b: Bin): number {
  return a < b ? -1 : a > b ? 1 : 0
}

// Unsigned integers, little-endian as in SSZ. Uint64 fields that count (times, heights, sequences) must be safe
// integers: a reader returns -1 for one that is not, and its caller refuses the message.

export function readUint32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

/** @returns the number, or -1 if it is over 2^53 − 1 */
export function readUint64(bytes: Uint8Array, offset: number): number {
  const high = readUint32(bytes, offset + 4)
  return high > 0x1fffff ? -1 : high * 0x1_0000_0000 + readUint32(bytes, offset)
}

export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  writeUint32(bytes, offset, value >>> 0)
  writeUint32(bytes, offset + 4, Math.floor(value / 0x1_0000_0000))
}

export function readBigUint64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readUint32(bytes, offset + 4)) << 32n) | BigInt(readUint32(bytes, offset))
}

export function writeBigUint64(bytes: Uint8Array, offset: number, value: bigint): void {
  writeUint32(bytes, offset, Number(value & 0xffff_ffffn))
  writeUint32(bytes, offset + 4, Number((value >> 32n) & 0xffff_ffffn))
}
