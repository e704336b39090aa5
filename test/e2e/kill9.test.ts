// kill -9 at thirty moments, each between the acceptance of a heartbeat and the block that would hold it. After every
// restart all that was announced is there, unchanged, and nothing that was signed contradicts anything else.

import t from 'tap'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Json, RunningNode } from './harness.ts'
import { eventually, postBytes, read, readAll, runJson, startNode } from './harness.ts'
import type { Life, NetworkFacts } from './lives.ts'
import { networkOf, newLife, nextBeat } from './lives.ts'
import { SignedMessages } from './signed.ts'
import { concat } from '../../src/base/bytes.ts'

const KILLS = 30
/** Kills that came after the block was announced are no such moments: they are done again. */
const MAX_ATTEMPTS = 2 * KILLS
const INTERVAL_MS = 300
const LIVES = 60
const BATCH = 12
const VERIFY_EVERY = 10
/** All segments are kept, so that everything that was ever signed can be read at the end. */
const ENV = { PULSE_WAL_KEEP_SEGMENTS: '10000', PULSE_LOG_LEVEL: 'debug' }

t.setTimeout(480_000)

/** Sends batches of heartbeats of distinct lives, one after the other, until it is told to stop or the node is gone. */
class Load {
  /** Id of the last heartbeat that was accepted. */
  lastAccepted = ''
  acceptedCount = 0
  readonly unexpected: string[] = []
  readonly #lives: readonly Life[]
  #next = 0
  #stopped = false
  readonly #onAccepted = new Set<() => void>()

  constructor(lives: readonly Life[]) {
    this.#lives = lives
  }

  async run(url: string, network: NetworkFacts): Promise<void> {
    this.#stopped = false
    while (!this.#stopped) {
      const turns = Array.from({ length: BATCH }, () => this.#lives[this.#next++ % LIVES]!)
      const beats = turns.map((life) => nextBeat(network, life)).filter((beat) => beat !== null)
      if (beats.length > 0) {
        const answer = await postBytes(`${url}/v2/heartbeats`, concat(...beats.map(({ row }) => row))).catch(() => null)
        // The connection breaks with the kill.
        if (answer === null) return
        answer.json.verdicts.forEach((verdict: { accepted: boolean; code?: string }, i: number) => {
          if (verdict.accepted) {
            this.lastAccepted = beats[i]!.id
            this.acceptedCount++
          } else this.unexpected.push(verdict.code!)
        })
        for (const tell of this.#onAccepted) tell()
      }
      await delay(INTERVAL_MS / 4)
    }
  }

  /** Resolves with the next acceptance. */
  accepted(): Promise<void> {
    return new Promise((resolve) => {
      const tell = (): void => {
        this.#onAccepted.delete(tell)
        resolve()
      }
      this.#onAccepted.add(tell)
    })
  }

  stop(): void {
    this.#stopped = true
  }
}

/** Blocks as they are announced on the WebSocket: height -> id. */
function follow(url: string, announced: Map<number, string>): WebSocket {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v2/ws`)
  socket.onopen = () => socket.send('{"type":"subscribe","topics":["blocks"]}')
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data as string)
    if (frame.type === 'block') announced.set(frame.block.height, frame.block.id)
  }
  socket.onerror = () => {}
  return socket
}

/** Waits for the moment of a kill, by turns anywhere in the wait for the next block, and within the agreement on it. */
async function moment(node: RunningNode, load: Load, turn: number): Promise<string> {
  await load.accepted()
  if (turn % 2 === 0) {
    const waitMs = Math.floor(Math.random() * INTERVAL_MS)
    await delay(waitMs)
    return `${waitMs} ms after the acceptance`
  }
  const { promise, resolve } = Promise.withResolvers<number>()
  const unwatch = node.watch(({ msg, height }) => {
    if (msg === 'Round entered') resolve(height as number)
  })
  const height = await Promise.race([promise, node.exit.then(() => 0)])
  unwatch()
  const waitMs = Math.floor(Math.random() * 25)
  await delay(waitMs)
  return `${waitMs} ms into round 0 of height ${height}`
}

t.test('kill -9 between acceptance and commit loses no announced block and signs nothing twice', async (t) => {
  const dir = join(t.testdir(), 'data')
  const load = new Load(Array.from({ length: LIVES }, () => newLife()))
  const blocks = new Map<number, string>()
  const prefixes = new Map<number, string>()
  const moments: string[] = []
  let signed: SignedMessages | null = null
  let node = await startNode(t, dir, ['--interval', String(INTERVAL_MS)], { env: ENV })

  async function checkChain(): Promise<Json[]> {
    const chain = await readAll(`${node.url}/v2/blocks`, 'blocks')
    const ids = new Map<number, string>(chain.map(({ height, id }) => [height, id]))
    const changed = [...blocks].filter(([height, id]) => ids.get(height) !== id)
    t.same(changed, [], 'every block that was announced on the WebSocket is there, with its id')
    const differing = [...prefixes].filter(([height, id]) => ids.get(height)?.slice(0, 16) !== id)
    t.same(differing, [], 'and every block that the log announced')
    const parents = [...chain.slice(1), { height: 0, id: chain.at(-1)?.parentId }]
    const gaps = chain.filter(({ height, parentId }, i) => parents[i].height !== height - 1 || parents[i].id !== parentId)
    t.same(gaps, [], 'the chain has no gap')
    for (const [height, id] of ids) blocks.set(height, id)
    return chain
  }

  async function verify(): Promise<void> {
    const { code, json, err } = await runJson(['verify', '--data-dir', dir, '--verify-threads', '1'])
    t.same([code, json?.ok], [0, true], `verify after ${moments.length} kills: ${err}`)
  }

  for (let attempt = 0; moments.length < KILLS && attempt < MAX_ATTEMPTS; attempt++) {
    const network = await networkOf(node.url)
    signed ??= new SignedMessages(network.genesisHash)
    const socket = follow(node.url, blocks)
    const sending = load.run(node.url, network)
    // The node goes on after the last kill: a block is announced before the next one.
    await node.line(({ msg }) => msg === 'Block committed', 'a block after the restart')
    const when = await moment(node, load, attempt)
    const accepted = load.lastAccepted
    await node.kill()
    load.stop()
    await sending
    socket.close()

    const last = node.lastAnnounced
    for (const [height, id] of node.announced) prefixes.set(height, id)
    signed.collect(dir)
    t.same([signed.contradictions, signed.broken], [[], []], 'nothing that was signed contradicts anything else')

    if (moments.length % VERIFY_EVERY === VERIFY_EVERY - 1) await verify()
    node = await startNode(t, dir, [], { env: ENV })
    const chain = await checkChain()
    const holders: number[] = []
    for (const { height } of chain.slice(0, chain.length - last + 4)) {
      const heartbeats = await readAll(`${node.url}/v2/blocks/${height}/heartbeats`, 'heartbeats')
      if (heartbeats.some(({ id }) => id === accepted)) holders.push(height)
    }
    t.ok(holders.length <= 1, 'no heartbeat is in two blocks')
    const inBlock = holders[0]
    if (inBlock !== undefined && inBlock <= last) continue
    const fate = inBlock === undefined ? 'it waited in memory and is lost' : `block ${inBlock} was finished at the restart`
    const evidence = `heartbeat ${accepted.slice(0, 16)} accepted, last announced height ${last}, killed ${when}; ${fate}`
    moments.push(evidence)
    t.comment(`kill ${moments.length}: ${evidence}`)
  }

  t.equal(moments.length, KILLS)
  t.same(load.unexpected, [], 'every heartbeat was accepted')
  const { height } = await read(`${node.url}/status`)
  const sending = load.run(node.url, await networkOf(node.url))
  await eventually('the chain goes on', async () => (await read(`${node.url}/status`)).height >= height + 2)
  load.stop()
  await sending
  await checkChain()
  t.equal((await node.stop()).code, 0)
  signed!.collect(dir)
  t.same([signed!.contradictions, signed!.broken], [[], []])
  t.ok(signed!.count >= 3 * node.lastAnnounced, `${signed!.count} signatures over ${node.lastAnnounced} heights were compared`)
  await verify()
})
