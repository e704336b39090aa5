// A node for tests of bad input: its blocks need three lives, so that what fewer of them send waits until the test lets it go.

import type { Test } from 'tap'
import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import { concat } from '../../src/base/bytes.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import { REASONS } from '../../src/protocol/reason.ts'
import type { Answer, RunningNode, Teardown } from './harness.ts'
import { eventually, postBytes, postJson, read, readAll, request, runJson, runProgram, startNode } from './harness.ts'
import type { Beat, Life, NetworkFacts } from './lives.ts'
import { makeBeat, networkOf, newLife } from './lives.ts'

export const THRESHOLD = 3
/** A sender that did not beat for so many blocks is dead. */
export const ALIVE_BLOCKS = 3

export interface Target {
  readonly node: RunningNode
  readonly network: NetworkFacts
  /** Every life with a good message; no other may ever have an account. */
  readonly honest: Set<string>
  sendBeat(body: unknown): Promise<Answer>
  sendTransfer(body: unknown): Promise<Answer>
  /** What the node holds: nothing of it may change by bad input. */
  holdings(): Promise<object>
  /** Lets everything that waits into a block. */
  commitAll(): Promise<void>
  assertAccepted(t: Test, life: Life, beat: Beat, more?: object): Promise<void>
  /** Call at the end: the node is well, holds nothing but what was good, and its chain verifies. */
  assertUnharmed(t: Test): Promise<void>
}

export async function startTarget(file: Teardown, dir: string): Promise<Target> {
  const made = await runProgram(['init', '--data-dir', dir, '--threshold', String(THRESHOLD), '--interval', '200'])
  if (made.code !== 0) throw new Error(made.err)
  const path = join(dir, 'genesis.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"aliveBlocks": \d+/, `"aliveBlocks": ${ALIVE_BLOCKS}`))
  const node = await startNode(file, dir)
  const { url } = node
  const network = await networkOf(url)
  const honest = new Set<string>()
  const sendBeat = (body: unknown): Promise<Answer> => postJson(`${url}/v2/heartbeats`, body)

  async function commitAll(): Promise<void> {
    const crowd = Array.from({ length: THRESHOLD }, () => newLife())
    for (const life of crowd) honest.add(life.keyText)
    const { json } = await postBytes(`${url}/v2/heartbeats`, concat(...crowd.map((life) => makeBeat(network, life).row)))
    if (!json.verdicts.every(({ accepted }: { accepted: boolean }) => accepted)) throw new Error(JSON.stringify(json))
    await eventually('all that waits is committed', async () => {
      const { mempool } = await read(`${url}/status`)
      return mempool.heartbeats === 0 && mempool.transactions === 0
    })
  }

  return {
    node,
    network,
    honest,
    sendBeat,
    sendTransfer: (body) => postJson(`${url}/v2/transactions`, body),
    async holdings() {
      const { height, headId, accounts, mempool } = await read(`${url}/status`)
      return { height, headId, accounts, mempool }
    },
    commitAll,
    async assertAccepted(t, life, beat, more = {}) {
      const { status, json } = await sendBeat(bodyOf(beat, more))
      t.match({ status, json }, { status: 200, json: { accepted: true, id: beat.id } }, 'the good one in its place is accepted')
      honest.add(life.keyText)
    },
    async assertUnharmed(t) {
      await commitAll()
      for (const path of ['/health', '/ready', '/health/database', '/health/blockchain']) {
        t.equal((await request(url + path)).status, 200, path)
      }
      const accounts = await readAll(`${url}/v2/accounts`, 'accounts')
      t.same(new Set(accounts.map(({ key }) => key)), honest, 'no account of anybody else')
      const { supply } = await read(`${url}/status`)
      t.equal(accounts.reduce((sum, { balance }) => sum + BigInt(balance), 0n), BigInt(supply))
      t.same(node.lines.filter(({ level }) => level === 'error' || level === 'fatal'), [], 'nothing of it was an error of the node')
      t.equal((await node.stop()).code, 0)
      t.match(await runJson(['verify', '--data-dir', dir]), { code: 0, json: { ok: true, supply } })
    },
  }
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** A signed message as the API takes it, with further members. */
export function bodyOf({ message, signature }: Pick<Beat, 'message' | 'signature'>, more: object = {}): object {
  return { message: base64(message), signature: base64(signature), ...more }
}

/** The bytes with one of them changed. */
export const changed = (bytes: Uint8Array, at: number, value?: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? (value ?? byte ^ 1) : byte))

/** A problem with this code; where the node itself judged (422 and 409), with the documented text of the reason. */
export function assertProblem(t: Test, { status, json, headers }: Answer, expected: number, code: string, name: string): void {
  const problem = { type: 'about:blank', title: String, status: expected, code, detail: /^.+\.$/ }
  t.match({ status, json }, { status: expected, json: problem }, name)
  if ((expected === 422 && code !== 'out_of_range') || expected === 409) t.equal(json.detail, REASONS[code as Reason].text)
  t.match(headers.get('content-type'), /^application\/problem\+json/)
  t.equal(headers.get('x-content-type-options'), 'nosniff')
  t.equal(headers.has('retry-after'), expected === 429 || expected === 503)
}
