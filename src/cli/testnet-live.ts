// Runs a testnet: starts its nodes, lets hearts beat at each, shows what they do, and stops them.

import { identityFromKeys } from '../device/identity.ts'
import type { Device } from '../device/run.ts'
import { sleep, systemTiming } from '../device/timing.ts'
import { Failure } from '../ops/failure.ts'
import type { Run } from './cli.ts'
import { BEAT_EVERY_MS, runHearts, simulatedDevice, simulatedDevices } from './hearts.ts'
import { record } from './output.ts'
import type { Testnet } from './testnet.ts'
import { registrarFile } from './testnet-hearts.ts'
import type { NodeProcess, NodeProcesses } from './testnet-nodes.ts'
import { checkPortsFree, failureOf, logFileOf, startProcesses } from './testnet-nodes.ts'
import type { Screen } from './testnet-screen.ts'
import { createScreen } from './testnet-screen.ts'
import type { NodeRow, NodeWatch } from './testnet-watch.ts'
import { watchNode } from './testnet-watch.ts'

export interface LiveOptions {
  /** Simulated hearts of each node. */
  readonly hearts: number
  /** Stops all. */
  readonly signal: AbortSignal
}

const SHOW_EVERY_MS = 1_000
const START_POLL_MS = 200
const START_TIMEOUT_MS = 60_000
/** Longer than what a node allows itself. */
const STOP_TIMEOUT_MS = 15_000
const RETRY_MS = 1_000
/** Of hearts whose node is not there: the table shows that. */
const SILENT_TROUBLE = new Set(['unreachable', 'unavailable', 'dropped_old', 'dropped_full', 'dropped_closed'])

/** Runs until the signal. @throws the failure of a node that does not come up; all are stopped then */
export async function runTestnet(run: Run, testnet: Testnet, { hearts, signal }: LiveOptions): Promise<void> {
  await checkPortsFree(testnet.nodes)
  if (signal.aborted) return
  const processes = startProcesses(testnet.nodes, run)
  if (!run.json) run.out(introduction(testnet, processes.all))
  let rows: readonly NodeRow[] = []
  try {
    rows = await live(run, processes, devicesOf(testnet, hearts), signal)
  } finally {
    if (!run.json) run.out('Stopping.\n')
    const late = await processes.stop(STOP_TIMEOUT_MS)
    if (!run.json) run.out(farewell(testnet, late, rows))
  }
}

/** @returns what was shown last */
async function live(run: Run, processes: NodeProcesses, devices: readonly (readonly Device[])[], stop: AbortSignal): Promise<readonly NodeRow[]> {
  const over = new AbortController()
  const signal = AbortSignal.any([stop, over.signal])
  const watches = processes.all.map((process) => watchNode(process, run))
  let rows: readonly NodeRow[] = []
  let beating: Promise<unknown> = Promise.resolve()
  try {
    await allUp(watches, processes, signal)
    const screen = createScreen(run)
    beating = Promise.all(watches.map((watch, i) => beat(run, watch, devices[i]!, signal, screen)))
    while (!signal.aborted) {
      await pollAll(watches)
      // A Ctrl-C reaches the nodes as well: how they stop is not shown.
      if (signal.aborted) break
      const now = watches.map((watch) => watch.row())
      for (const text of changes(rows, now, processes.all)) screen.event(text)
      screen.show((rows = now))
      await sleep(systemTiming, SHOW_EVERY_MS, signal)
    }
    screen.end()
    return rows
  } finally {
    over.abort()
    await beating
  }
}

/** A node that hangs does not keep the others from being shown. */
const pollAll = (watches: readonly NodeWatch[]): Promise<unknown> =>
  Promise.race([Promise.all(watches.map((watch) => watch.poll())), sleep(systemTiming, SHOW_EVERY_MS)])

/** Whoever kills a node meanwhile will see it down. @throws Failure if a node ends by itself, or does not answer in time */
async function allUp(watches: readonly NodeWatch[], { all }: NodeProcesses, signal: AbortSignal): Promise<void> {
  const endMs = systemTiming.elapsedMs() + START_TIMEOUT_MS
  while (!signal.aborted) {
    await pollAll(watches)
    const ended = all.find(({ end }) => end !== null && end.code !== null)
    if (ended !== undefined && !signal.aborted) throw failureOf(ended)
    const starting = watches.find((watch) => watch.row().state === 'starting')
    if (starting === undefined) return
    if (systemTiming.elapsedMs() > endMs) {
      throw new Failure('failed', `${starting.node.name} does not answer at ${starting.node.url}`, `See ${logFileOf(starting.node)}`)
    }
    await sleep(systemTiming, START_POLL_MS, signal)
  }
}

/** Hearts of one node, for as long as the testnet runs; while the node is away they wait for it. */
async function beat(run: Run, { node }: NodeWatch, devices: readonly Device[], signal: AbortSignal, screen: Screen): Promise<void> {
  if (devices.length === 0) return
  const onTrouble = (code: string): void => {
    if (!SILENT_TROUBLE.has(code)) screen.event(`${node.name} refused a heartbeat: ${code}`)
  }
  while (!signal.aborted) {
    try {
      await runHearts({ url: node.url, fetch: run.fetch, devices, everyMs: BEAT_EVERY_MS, signal, onTrouble })
    } catch {
      // The node went away before the first heartbeat.
      await sleep(systemTiming, RETRY_MS, signal)
    }
  }
}

/** Those of each node: the enrolled ones, as many as are wanted, or new ones where any key is a life. */
const devicesOf = ({ nodes, hearts }: Testnet, count: number): Device[][] =>
  nodes.map((_, i) => (hearts === null ? simulatedDevices(count) : hearts[i]!.slice(0, count).map((keys) => simulatedDevice(identityFromKeys(keys)))))

/** What happened between two looks, in sentences. */
export function changes(before: readonly NodeRow[], now: readonly NodeRow[], processes: readonly NodeProcess[]): string[] {
  const away = (row: NodeRow | undefined): boolean => row?.state === 'down' || row?.state === 'silent'
  return now.flatMap((row, i) => {
    const old = before[i]
    if (row.state === old?.state) return []
    if (row.state === 'down') return [`${row.name} is down (${processes[i]?.end?.text ?? 'ended'}).`]
    if (row.state === 'silent') return [`${row.name} does not answer.`]
    return away(old) ? [`${row.name} is back.`] : []
  })
}

function introduction({ dir, fresh, nodes, genesis, hearts }: Testnet, processes: readonly NodeProcess[]): string {
  const facts = record([
    ['network', `${genesis.network} (development), ${nodes.length} nodes, ${fresh ? 'made just now' : 'as it was left'}`],
    ['data', dir],
    ['lives', hearts === null ? 'open: any key is a life' : `enrolled: ${hearts.flat().length} by the genesis, more by ${registrarFile(dir)}`],
    ...processes.map(({ node, pid }) => [node.name, `${node.url}  pid ${pid}`] as const),
  ])
  const example = processes.at(-2) ?? processes[0]!
  return `
${facts}
Each node writes its log to node.log in its directory. To kill one, and to start
it again, in another terminal:

  kill -9 ${example.pid}
  pulse-node start --data-dir ${quoted(example.node.dataDir)}

`
}

function farewell({ dir }: Testnet, late: readonly string[], rows: readonly NodeRow[]): string {
  const lines = [
    ...late.map((name) => `${name} did not stop within ${STOP_TIMEOUT_MS / 1_000} s and was killed.`),
    ...rows.filter(({ pid, state }) => pid === null && state !== 'down').map(({ name }) => `${name} was started by hand: it goes on.`),
    `Stopped. To go on with this network: pulse-node testnet --dir ${quoted(dir)}`,
  ]
  return lines.map((line) => line + '\n').join('')
}

/** For a shell. */
const quoted = (path: string): string => (/^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
