// LevelDB's log: a torn end is told from damage before a later batch.

import t from 'tap'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { crc32c } from '../../src/chain/crc32c.ts'
import { inspectLog } from '../../src/chain/level-log.ts'
import { bytesOf } from './chain-fixture.ts'

/** The log that LevelDB writes for batches of these sizes, and where each ends. */
async function logOf(dir: string, sizes: readonly number[]): Promise<{ log: Buffer; ends: number[] }> {
  const level = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' })
  await level.open()
  const read = (): Buffer => readFileSync(join(dir, readdirSync(dir).find((name) => name.endsWith('.log'))!))
  const ends: number[] = []
  for (const [index, size] of sizes.entries()) {
    await level.batch([{ type: 'put', key: `${index}`, value: bytesOf(`${index}`, size) }], { sync: true })
    ends.push(read().length)
  }
  const log = read()
  await level.close()
  return { log, ends }
}

t.test('CRC-32C has the check value of its definition', async (t) => {
  t.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283)
})

t.test('logs that LevelDB writes are clean, with batches over many blocks and every size of padding', async (t) => {
  t.same(inspectLog(new Uint8Array(0)), { condition: 'clean' })
  t.same(inspectLog((await logOf(t.testdir(), [10, 100_000, 10, 40_000, 5])).log), { condition: 'clean' })
  // A batch of value size s takes 7 + 12 + 5 + s bytes with a value over 127 bytes: leave 0 to 8 bytes of the first block.
  for (let left = 0; left <= 8; left++) {
    const { log } = await logOf(join(t.testdir(), `left-${left}`), [32_768 - 7 - 12 - 6 - left, 10, 10])
    t.same(inspectLog(log), { condition: 'clean' }, `${left} bytes left`)
  }
})

t.test('a log that ends anywhere in its last batch is torn', async (t) => {
  const { log, ends } = await logOf(t.testdir(), [10, 300, 70_000])
  for (let end = ends[1]!; end <= log.length; end += end < ends[1]! + 40 ? 1 : 997) {
    t.same(inspectLog(log.subarray(0, end)), { condition: end === ends[1] || end === log.length ? 'clean' : 'torn' }, `at ${end}`)
  }
})

t.test('a last batch of which pages were lost is torn', async (t) => {
  const { log, ends } = await logOf(t.testdir(), [10, 100_000])
  for (let page = Math.ceil(ends[0]! / 4_096); page * 4_096 < log.length; page++) {
    const damaged = Buffer.from(log)
    damaged.fill(0, page * 4_096, Math.min((page + 1) * 4_096, log.length))
    t.same(inspectLog(damaged), { condition: 'torn' }, `page ${page}`)
  }
})

t.test('a flipped byte before the last batch is damage, wherever it is', async (t) => {
  const { log, ends } = await logOf(t.testdir(), [200, 300, 40_000, 250, 200])
  const last = ends[3]!
  for (let offset = 0; offset < log.length; offset += offset < 600 || offset > last - 300 ? 1 : 499) {
    const damaged = Buffer.from(log)
    damaged[offset] = damaged[offset]! ^ 0x10
    const result = inspectLog(damaged)
    t.equal(result.condition, offset < last ? 'damaged' : 'torn', `at ${offset}`)
    if (result.condition === 'damaged') t.ok(result.offset <= offset, 'the offset is not behind the damage')
  }
})

t.test('a record within the payload of a torn batch does not count as a later batch', async (t) => {
  const { log: inner } = await logOf(join(t.testdir(), 'inner'), [50])
  const dir = join(t.testdir(), 'outer')
  const level = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' })
  await level.put('key', Buffer.concat([inner, bytesOf('rest', 500)]), { sync: true })
  const log = readFileSync(join(dir, readdirSync(dir).find((name) => name.endsWith('.log'))!))
  await level.close()
  t.same(inspectLog(log), { condition: 'clean' })
  t.same(inspectLog(log.subarray(0, -100)), { condition: 'torn' })
})
