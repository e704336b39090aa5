// First boot of an instance that was started from an image: reads its user-data, adopts the data volume, makes the identity,
// places the genesis, writes the configuration file. At later boots it checks what is there, and takes over what has changed.
//
// Nothing is written before the user-data has been understood as a whole, and nothing is overwritten but the configuration file.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { bareBin } from '../crypto/keys.ts'
import type { AwsReader } from '../ops/aws.ts'
import { createAwsReader } from '../ops/aws.ts'
import type { Clock } from '../ops/clock.ts'
import { checkClock } from '../ops/clock-check.ts'
import type { ConfigProblem } from '../ops/config.ts'
import { checkMembers, loadConfig } from '../ops/config.ts'
import type { DataDir } from '../ops/datadir.ts'
import { createDataDir, prepareDataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { replaceFile, storageFailure } from '../ops/fsync.ts'
import { parseGenesis, readGenesis } from '../ops/genesis-file.ts'
import type { Imds, ImdsDependencies } from '../ops/imds.ts'
import { createImds } from '../ops/imds.ts'
import { SETTINGS } from '../ops/settings.ts'
import type { SourcesDependencies } from '../ops/sources.ts'
import { readSource, sourceText } from '../ops/sources.ts'
import type { UserData } from '../ops/user-data.ts'
import { parseUserData, userDataText } from '../ops/user-data.ts'
import type { Volume } from '../ops/volume.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { LIFE } from '../protocol/validators.ts'
import { peerIdOfKeys } from './identity.ts'
import type { Identity } from './instance-identity.ts'
import { ensureIdentity, placeGenesis, validatorText } from './instance-identity.ts'
import { networkGenesis } from './network.ts'

export interface FirstBootPaths {
  /** User-data that cloud-init or a person has laid down; it beats that of EC2. */
  readonly userData: string
  /** Written here: what the service reads. */
  readonly config: string
  readonly dataDir: string
}

/** The machine, as far as first boot touches it. */
export interface Machine {
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
  readonly isEc2: boolean
  /** When the program was built; null if unknown. */
  readonly builtMs: number | null
  /** Where the metadata service is, and how patiently it is asked; for tests. */
  readonly imds?: Partial<ImdsDependencies>
  adoptVolume(wanted: string, mountPoint: string): Promise<Volume>
  /** Gives the data directory to the user that runs the node. */
  own(dataDir: string): void
  /** Runs `act` with the rights of that user. */
  asOwner<T>(act: () => T): T
}

export interface FirstBootResult {
  readonly network: string
  readonly dataDir: string
  readonly config: string
  readonly volume: Volume | null
  /** As `pulse-node genesis --validator` takes it; null if the validator key is kept elsewhere. */
  readonly validator: string | null
  readonly peerId: string | null
  readonly announce: readonly string[]
}

/** @param say one line for the operator, on the way @throws Failure */
export async function firstBoot(paths: FirstBootPaths, machine: Machine, say: (line: string) => void): Promise<FirstBootResult> {
  const { clock, isEc2 } = machine
  const imds = isEc2 ? createImds({ fetch: machine.fetch, clock, ...machine.imds }) : null
  const aws = imds === null ? null : createAwsReader(imds, machine)
  const sources: SourcesDependencies = { fetch: machine.fetch, ec2: imds === null ? null : { imds, aws: aws as AwsReader } }

  const found = await findUserData(paths, imds)
  if (found === null) return configuredByHand(paths, machine)
  const { data, where } = found
  const settings = await allSettings(data, sources)
  const announce = await announcedAddresses(data, settings, imds)
  if (announce.length > 0) settings['announce'] = announce

  // An instance whose network is not known yet shall still make its keys and tell them.
  const genesis = data.genesis === null ? null : await attempt(async () => parseGenesis(await readSource(data.genesis!, sources), `of ${sourceText(data.genesis!)}`))
  const genesisMs = genesis !== null && 'value' in genesis ? genesis.value.timeMs : null
  checkClock({ nowMs: clock.nowMs(), builtMs: machine.builtMs, skewMs: imds?.skewMs ?? null, genesisMs })
  checkFile(paths, settings, where)

  const volume = data.dataVolume === null ? null : await machine.adoptVolume(data.dataVolume, paths.dataDir)
  if (volume !== null && volume.state !== 'mounted already') say(`Data volume ${volume.device}: ${volume.state}`)
  createDataDir(paths.dataDir)
  machine.own(paths.dataDir)
  const { dir, identity, network } = machine.asOwner(() => {
    const dir = prepareDataDir(paths.dataDir)
    const identity = ensureIdentity(dir)
    if (identity !== null) {
      say(`${identity.made ? 'Made the identity of this instance' : 'Identity of this instance'}: validator ${validatorText(identity.keys)} peer ${peerIdOfKeys(identity.keys)}`)
    }
    return { dir, identity, network: settleNetwork(dir, data, genesis, identity, clock.nowMs(), where) }
  })
  writeConfig(paths.config, settings)
  return result(paths, network, volume, dir, identity, announce)
}

function result(
  paths: FirstBootPaths,
  network: string,
  volume: Volume | null,
  dir: DataDir,
  identity: Identity | null,
  announce: readonly string[],
): FirstBootResult {
  return {
    network,
    dataDir: dir.root,
    config: paths.config,
    volume,
    validator: identity === null ? null : validatorText(identity.keys),
    peerId: identity === null ? null : peerIdOfKeys(identity.keys),
    announce,
  }
}

/** Without user-data: a configuration and a network that somebody has put there are all right, anything less is not. */
function configuredByHand(paths: FirstBootPaths, machine: Machine): FirstBootResult {
  if (!existsSync(paths.config)) {
    throw new Failure(
      'config',
      'This instance has no configuration: its user-data is empty or for cloud-init only',
      'Give it user-data such as {"seeds": ["/ip4/…"], "instance": {"genesis": {"url": "https://…", "sha256": "…"}}}.',
    )
  }
  const { config } = loadConfig({ flags: { dataDir: paths.dataDir }, file: paths.config })
  checkClock({ nowMs: machine.clock.nowMs(), builtMs: machine.builtMs, skewMs: null, genesisMs: null })
  createDataDir(paths.dataDir)
  machine.own(paths.dataDir)
  return machine.asOwner(() => {
    const dir = prepareDataDir(paths.dataDir)
    const { network } = readGenesis(dir.genesis)
    return result(paths, network, null, dir, ensureIdentity(dir), config.announce)
  })
}

async function findUserData(paths: FirstBootPaths, imds: Imds | null): Promise<{ data: UserData; where: string } | null> {
  const bytes = readIfThere(paths.userData)
  const where = bytes === null ? 'user-data' : paths.userData
  const text = userDataText(bytes ?? (await imds?.bytes('user-data')) ?? new Uint8Array(0))
  if (!text.ok) throw failureOf([text.error])
  if (text.value === null) return null
  const data = parseUserData(text.value, where)
  if (!data.ok) throw failureOf(data.error)
  return { data: data.value, where }
}

function readIfThere(path: string): Uint8Array | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw storageFailure(`Cannot read ${path}`, error)
  }
}

/** All problems in one line: the console of an instance is a long way off. */
function failureOf(problems: readonly ConfigProblem[]): Failure {
  const [first, ...more] = problems
  const rest = more.map(({ cause, remedy }) => ` Also: ${cause}. ${remedy}`).join('')
  return new Failure('config', first!.cause, first!.remedy + rest)
}

async function allSettings(data: UserData, sources: SourcesDependencies): Promise<Record<string, unknown>> {
  const merged: Record<string, unknown> = {}
  for (const source of data.settingsFrom) {
    const where = sourceText(source)
    const members = jsonObject(await readSource(source, sources), where)
    const problems = checkMembers(members, where)
    if (Object.hasOwn(members, 'dataDir')) problems.push({ cause: `dataDir is set in ${where}`, remedy: 'Leave it out: the image has one place for data.' })
    if (problems.length > 0) throw failureOf(problems)
    Object.assign(merged, members)
  }
  return Object.assign(merged, data.settings)
}

function jsonObject(text: string, where: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  } catch {
    // The text may be a secret: it is not quoted.
  }
  throw new Failure('config', `There is no JSON object in ${where}`, 'Store settings as {"seeds": ["…"], …}.')
}

/** The addresses that other nodes reach this instance at, unless the settings say. */
async function announcedAddresses({ announce }: UserData, settings: Readonly<Record<string, unknown>>, imds: Imds | null): Promise<string[]> {
  if (imds === null || announce === 'none' || settings['announce'] !== undefined) return []
  const port = settings['p2pPort'] === undefined ? SETTINGS.p2pPort.default : (settings['p2pPort'] as number)
  const v4 = await imds.text(announce === 'public' ? 'meta-data/public-ipv4' : 'meta-data/local-ipv4')
  // An IPv6 address of an instance is a public one.
  const v6 = await imds.text('meta-data/ipv6')
  const addresses = [v4 === null ? null : `/ip4/${v4}/tcp/${port}`, v6 === null ? null : `/ip6/${v6}/tcp/${port}`].filter((address) => address !== null)
  const [problem] = checkMembers({ announce: addresses }, 'instance metadata')
  if (problem !== undefined) throw new Failure('unreachable', `The instance metadata service answers rubbish: ${problem.cause}`, 'Set announce in the user-data.')
  if (addresses.length > 0 || announce !== 'public') return addresses
  return announcedAddresses({ announce: 'private' } as UserData, settings, imds)
}

type Attempt<T> = { readonly value: T } | { readonly failure: Failure }

async function attempt<T>(act: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await act() }
  } catch (error) {
    if (error instanceof Failure) return { failure: error }
    throw error
  }
}

/** @returns the network's name */
function settleNetwork(dir: DataDir, data: UserData, genesis: Attempt<Genesis> | null, identity: Identity | null, nowMs: number, where: string): string {
  if (genesis !== null) {
    if ('failure' in genesis) throw genesis.failure
    placeGenesis(dir, genesis.value, sourceText(data.genesis!))
    return genesis.value.network
  }
  const own = existsSync(dir.genesis) ? readGenesis(dir.genesis) : null
  const { network } = data
  if (own !== null) {
    if (network === null || network.name === own.network) return own.network
    throw new Failure(
      'wrong_network',
      `${dir.root} holds the network ${own.network}, but the ${where} asks for ${network.name}`,
      'Attach the volume that belongs to it, or correct the user-data.',
    )
  }
  if (network === null || identity === null) {
    throw new Failure(
      'genesis',
      'This instance belongs to no network yet',
      'Make the genesis from the keys of its validators with pulse-node genesis, and name it as instance.genesis in the user-data.',
    )
  }
  const { keys } = identity
  const { name, development, threshold, intervalMs } = network
  const validator = { key: bareBin(keys.validator.publicKey), nodeKey: bareBin(keys.node.publicKey), power: LIFE }
  placeGenesis(dir, networkGenesis({ network: name, development, threshold, intervalMs, nowMs }, [validator]), where)
  return name
}

const CONFIG_MODE = 0o644

function writeConfig(path: string, settings: Readonly<Record<string, unknown>>): void {
  try {
    replaceFile(path, new TextEncoder().encode(JSON.stringify(settings, null, 2) + '\n'), CONFIG_MODE)
  } catch (error) {
    throw storageFailure(`Cannot write ${path}`, error)
  }
}

/** What only shows when all settings come together, such as two equal ports. */
function checkFile(paths: FirstBootPaths, settings: Readonly<Record<string, unknown>>, where: string): void {
  const draft = `${paths.config}.draft`
  writeConfig(draft, settings)
  try {
    loadConfig({ flags: { dataDir: paths.dataDir }, file: draft })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const said = (text: string): string => text.replaceAll(`file ${draft}`, where)
    throw new Failure(error.code, said(error.message), said(error.remedy))
  } finally {
    rmSync(draft, { force: true })
  }
}
