// What an operator checks before asking for help: configuration, data directory, disk, lock, ports, clock, limits, seeds, the
// announced address. Looks, and changes nothing. What it needs of the machine is passed in: see doctor-probes.ts.

import type { Clock } from '../ops/clock.ts'
import { clockProblem } from '../ops/clock-check.ts'
import type { ConfigProblem } from '../ops/config.ts'
import type { DataDir } from '../ops/datadir.ts'
import { MIN_FREE_BYTES } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { readGenesis } from '../ops/genesis-file.ts'
import { KEY_FILE_MODE } from '../ops/keyfile.ts'
import type { Config } from '../ops/settings.ts'

/** warn: it runs, but look at it. skip: there is nothing to check. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skip'

export interface Finding {
  readonly check: string
  readonly verdict: Verdict
  /** One sentence, with a remedy if there is anything to mend. */
  readonly text: string
}

export interface FileFacts {
  readonly isDirectory: boolean
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
}

export interface Probes {
  readonly clock: Clock
  readonly uid: number
  readonly builtMs: number | null
  /** Null if it is not there. @throws the system's error */
  file(path: string): FileFacts | null
  disk(path: string): { readonly freeBytes: number; readonly freeInodes: number }
  /** Process id of who holds the lock of the store; null if nobody. */
  lockHolder(db: string): number | null
  /** True if the node answers on its administration socket. */
  nodeAnswers(dataDir: string): Promise<boolean>
  /** Null if the port can be listened on, else why not. */
  listen(host: string, port: number): Promise<string | null>
  /** Null if a TCP connection could be made, else why not. */
  dial(host: string, port: number): Promise<string | null>
  /** Null if the name has addresses of nodes, else why not. */
  resolveDnsaddr(name: string): Promise<string | null>
  /** Whether the system's clock follows others; null if nobody can say. */
  clockSynchronised(): boolean | null
  /** Limit of open files of a process, or of this one; null if unknown. */
  openFiles(pid: number | null): number | null
}

export interface Patient {
  readonly config: Config
  readonly problems: readonly ConfigProblem[]
  readonly paths: DataDir
}

const GIBIBYTE = 1024 ** 3
const WARN_FREE_BYTES = 2 * GIBIBYTE
const MIN_INODES = 1_000
/** LevelDB keeps a thousand files open, each peer and client is one more. */
const WANTED_OPEN_FILES = 8_192

export async function examine({ config, problems, paths }: Patient, probes: Probes): Promise<Finding[]> {
  const holder = probes.lockHolder(paths.db)
  const runs = await probes.nodeAnswers(paths.root)
  return [
    configuration(problems),
    permissions(paths, probes),
    network(paths),
    disk(paths, probes),
    lock(holder, runs),
    await port('API port', config.host, config.port, runs, probes),
    await port('p2p port', config.host, config.p2pPort, runs, probes),
    clock(paths, probes),
    limits(holder, probes),
    ...(await seeds(config.seeds, probes)),
    ...(await announced(config, runs, probes)),
  ]
}

function configuration(problems: readonly ConfigProblem[]): Finding {
  const [first, ...more] = problems
  if (first === undefined) return { check: 'configuration', verdict: 'ok', text: 'It is in order.' }
  const rest = more.length === 0 ? '' : ` ${more.length} more: pulse-node config check`
  return { check: 'configuration', verdict: 'fail', text: `${first.cause}. ${first.remedy}${rest}` }
}

function permissions({ root, nodeKey, validatorKey, lastSigned }: DataDir, probes: Probes): Finding {
  const check = 'permissions'
  const fail = (text: string): Finding => ({ check, verdict: 'fail', text })
  const directory = probes.file(root)
  if (directory === null) return fail(`There is no ${root}. Check --data-dir, or run pulse-node init.`)
  if (!directory.isDirectory) return fail(`${root} is not a directory. Check --data-dir.`)
  if (probes.uid !== 0 && directory.uid !== probes.uid) return fail(`${root} belongs to user ${directory.uid}, this is user ${probes.uid}. Run as that user.`)
  if ((directory.mode & 0o077) !== 0) return { check, verdict: 'warn', text: `Other users can look into ${root}. Run: chmod 700 ${root}` }
  for (const path of [nodeKey, validatorKey, lastSigned]) {
    const file = probes.file(path)
    // The validator key may be a credential of the service.
    if (file === null && path === validatorKey) continue
    if (file === null) return fail(`There is no ${path}. Restore it, or run pulse-node init in an empty directory.`)
    if (file.uid !== directory.uid) return fail(`${path} belongs to user ${file.uid}. Run: chown ${directory.uid} ${path}`)
    if ((file.mode & 0o077) !== 0) return fail(`Other users can read ${path}. Run: chmod ${KEY_FILE_MODE.toString(8)} ${path}`)
  }
  return { check, verdict: 'ok', text: `${root} and its keys are private.` }
}

function network({ genesis }: DataDir): Finding {
  try {
    const { network, validators } = readGenesis(genesis)
    return { check: 'genesis', verdict: 'ok', text: `Network ${network}, ${validators.length} ${validators.length === 1 ? 'validator' : 'validators'}.` }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { check: 'genesis', verdict: 'fail', text: `${error.message}. ${error.remedy}` }
  }
}

function disk({ root }: DataDir, probes: Probes): Finding {
  const check = 'disk'
  if (probes.file(root) === null) return { check, verdict: 'skip', text: 'There is no data directory.' }
  const { freeBytes, freeInodes } = probes.disk(root)
  const free = `${(freeBytes / GIBIBYTE).toFixed(1)} GiB free`
  if (freeBytes < MIN_FREE_BYTES) return { check, verdict: 'fail', text: `${free}: the node does not start. Free space, or grow the volume.` }
  if (freeInodes < MIN_INODES) return { check, verdict: 'fail', text: `${freeInodes} inodes free. Remove small files on that disk.` }
  if (freeBytes < WARN_FREE_BYTES) return { check, verdict: 'warn', text: `${free}: grow the volume soon.` }
  return { check, verdict: 'ok', text: free }
}

function lock(holder: number | null, runs: boolean): Finding {
  const check = 'lock'
  if (runs) return { check, verdict: 'ok', text: `A node runs here${holder === null ? '' : `, process ${holder}`}.` }
  if (holder === null) return { check, verdict: 'ok', text: 'No process holds the data directory.' }
  return { check, verdict: 'fail', text: `Process ${holder} holds the data directory and does not answer. Look at it: ps ${holder}` }
}

async function port(check: string, host: string, number: number, runs: boolean, probes: Probes): Promise<Finding> {
  if (number === 0) return { check, verdict: 'skip', text: 'Port 0: a free one is taken at each start.' }
  if (!runs) {
    const trouble = await probes.listen(host, number)
    return trouble === null
      ? { check, verdict: 'ok', text: `${number} is free.` }
      : { check, verdict: 'fail', text: `${number} cannot be listened on: ${trouble}. Stop who does, or change the port.` }
  }
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const trouble = await probes.dial(local, number)
  return trouble === null
    ? { check, verdict: 'ok', text: `The node listens on ${number}.` }
    : { check, verdict: 'fail', text: `The node runs, but ${number} does not answer: ${trouble}. Is this its configuration?` }
}

function clock({ genesis }: DataDir, probes: Probes): Finding {
  const check = 'clock'
  let genesisMs: number | null = null
  try {
    genesisMs = readGenesis(genesis).timeMs
  } catch {
    // Told above.
  }
  const problem = clockProblem({ nowMs: probes.clock.nowMs(), builtMs: probes.builtMs, skewMs: null, genesisMs })
  if (problem !== null) return { check, verdict: 'fail', text: `${problem}. Set it.` }
  switch (probes.clockSynchronised()) {
    case true:
      return { check, verdict: 'ok', text: 'It follows NTP.' }
    case false:
      return { check, verdict: 'warn', text: 'It does not follow NTP. Look at: timedatectl, chronyc tracking' }
    case null:
      return { check, verdict: 'warn', text: 'Nobody here can say whether it follows NTP: no timedatectl.' }
  }
}

function limits(holder: number | null, probes: Probes): Finding {
  const check = 'limits'
  const files = probes.openFiles(holder)
  if (files === null) return { check, verdict: 'skip', text: 'This system does not tell them.' }
  const whose = holder === null ? 'This shell' : 'The node'
  if (files < WANTED_OPEN_FILES) return { check, verdict: 'warn', text: `${whose} may open ${files} files; ${WANTED_OPEN_FILES} are wanted (LimitNOFILE).` }
  return { check, verdict: 'ok', text: `${whose} may open ${files} files.` }
}

async function seeds(all: readonly string[], probes: Probes): Promise<Finding[]> {
  if (all.length === 0) return [{ check: 'seeds', verdict: 'skip', text: 'None: other nodes must know this one.' }]
  const troubles = await Promise.all(all.map((seed) => reach(seed, probes)))
  const anyReached = troubles.includes(null)
  return all.map((seed, i) => {
    const trouble = troubles[i]
    const name = short(seed)
    if (trouble == null) return { check: 'seed', verdict: 'ok', text: `${name} answers.` }
    return { check: 'seed', verdict: anyReached ? 'warn' : 'fail', text: `${name} does not: ${trouble}. Check it, and firewalls for TCP out.` }
  })
}

async function announced({ announce, p2pPort }: Config, runs: boolean, probes: Probes): Promise<Finding[]> {
  if (announce.length === 0) return [{ check: 'announced', verdict: 'skip', text: 'None: peers are told the addresses that it listens on.' }]
  return Promise.all(
    announce.map(async (address): Promise<Finding> => {
      const check = 'announced'
      const name = short(address)
      if (!runs) return { check, verdict: 'skip', text: `${name}: to be tried while the node runs.` }
      const trouble = await reach(address, probes)
      if (trouble === null) return { check, verdict: 'ok', text: `${name} answers.` }
      const text = `${name} does not answer from here: ${trouble}. Try it from elsewhere; it must lead to port ${p2pPort} here.`
      return { check, verdict: 'warn', text }
    }),
  )
}

/** Null if a multiaddr can be reached; its form has been checked. */
function reach(address: string, probes: Probes): Promise<string | null> {
  const [, kind, host = '', , port] = address.split('/')
  return kind === 'dnsaddr' ? probes.resolveDnsaddr(host) : probes.dial(host, Number(port))
}

/** Without the peer id, which says nothing about reachability. */
const short = (address: string): string => address.replace(/\/p2p\/.*$/, '')

/** Where the service keeps its configuration, for `doctor` without flags on an instance. */
export const SERVICE = { config: '/etc/pulse-node/config.json', dataDir: '/var/lib/pulse-node', unit: '/usr/lib/systemd/system/pulse-node.service' } as const
