// Strict base64: the standard alphabet, padded, without spaces, and only the one spelling that encoding would give.

/** Characters that `sizeBytes` bytes take. */
export const base64Size = (sizeBytes: number): number => 4 * Math.ceil(sizeBytes / 3)

/**
 * Decodes into `target` at `offset`; false if the text is not the canonical base64 of exactly `sizeBytes` bytes.
 * (Bytes may have been written there all the same.)
 */
export function decodeBase64Into(text: string, target: Buffer, offset: number, sizeBytes: number): boolean {
  if (text.length !== base64Size(sizeBytes)) return false
  if (target.write(text, offset, sizeBytes, 'base64') !== sizeBytes) return false
  // Node's decoder skips what it does not know and takes the URL alphabet too. Encoding again finds every such case.
  return target.toString('base64', offset, offset + sizeBytes) === text
}

/** Null unless the text is the canonical base64 of 1 to `maxBytes` bytes. */
export function decodeBase64(text: string, maxBytes: number): Uint8Array | null {
  if (text.length === 0 || text.length % 4 !== 0 || text.length > base64Size(maxBytes)) return null
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const sizeBytes = (text.length / 4) * 3 - padding
  const bytes = new Uint8Array(sizeBytes)
  return sizeBytes <= maxBytes && decodeBase64Into(text, asBuffer(bytes), 0, sizeBytes) ? bytes : null
}

/** The same memory, seen as a Buffer. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
