// CRC-32C (Castagnoli), which LevelDB's log records carry. node:zlib has the other polynomial only.

const TABLE = new Uint32Array(256)
for (let i = 0; i < 256; i++) {
  let value = i
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  TABLE[i] = value >>> 0
}

export function crc32c(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  let crc = 0xffff_ffff
  for (let i = start; i < end; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffff_ffff) >>> 0
}
