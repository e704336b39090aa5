// A network of several nodes on this machine: makes their directories, or finds those that are there.
//
//   <dir>/node0 … nodeN     data directories, each with keys, last-signed record, config.json and the one genesis
//   <dir>/hearts.json       secret keys of the hearts that the genesis enrols
//   <dir>/registrar.key     enrols more
//
// node0 is the seed of the others. Its genesis is written last: with it the network is whole.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBin, toBin, toHex } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { bareBin, bareHex } from '../crypto/keys.ts'
import { generateKeyPair } from '../crypto/sign.ts'
import { loadConfig } from '../ops/config.ts'
import { createDataDir, dataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { replaceFile, storageFailure } from '../ops/fsync.ts'
import { readGenesis } from '../ops/genesis-file.ts'
import { readKeyFile, writeKeyFile } from '../ops/keyfile.ts'
import type { Config } from '../ops/settings.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash } from '../protocol/genesis.ts'
import { MAX_GENESIS_ACCOUNTS } from '../protocol/limits.ts'
import { LIFE } from '../protocol/validators.ts'
import { peerIdOfKeys } from './identity.ts'
import type { NodeKeys } from './network.ts'
import { initialise, isFresh, networkGenesis, newNodeKeys } from './network.ts'
import type { Hearts } from './testnet-hearts.ts'
import { heartsFile, newHearts, readHearts, registrarFile, writeHearts } from './testnet-hearts.ts'

export const TESTNET_NETWORK = 'pulse-testnet'
export const MAX_NODES = 32
export const TESTNET_DEFAULTS = { dir: './pulse-testnet', nodes: 4, basePort: 8080, baseP2pPort: 4001 } as const
const HOST = '127.0.0.1'
const CONFIG_MODE = 0o644

/** What was asked for. What is left out is the default in a new network, and as it is in an existing one. */
export interface TestnetOptions {
  readonly dir: string
  readonly nodes?: number | undefined
  /** Of each node, in lives. */
  readonly powers?: readonly number[] | undefined
  readonly intervalMs?: number | undefined
  /** Simulated hearts of each node, enrolled by the genesis. A new network is open if this is left out. */
  readonly hearts?: number | undefined
  readonly basePort?: number | undefined
  readonly baseP2pPort?: number | undefined
  readonly nowMs: number
}

export interface TestnetNode {
  /** `node0` */
  readonly name: string
  /** As it was given: relative to where we are. */
  readonly dataDir: string
  /** Of the API. */
  readonly url: string
  readonly port: number
  readonly p2pPort: number
  readonly peerId: string
  /** Ed25519, hex. */
  readonly validator: string
}

export interface Testnet {
  readonly dir: string
  /** True if it was made just now. */
  readonly fresh: boolean
  readonly genesis: Genesis
  readonly nodes: readonly TestnetNode[]
  /** Those that the genesis enrols; null if the network is open: any key is a life. */
  readonly hearts: Hearts | null
}

/** True if there is no testnet in the directory. */
export const isNewTestnet = (dir: string): boolean => !existsSync(dataDir(nodeDir(dir, 0)).genesis)

/** @throws Failure `genesis` if something else is there or a flag contradicts the network that is, `config`, `storage` */
export function prepareTestnet(options: TestnetOptions): Testnet {
  const fresh = isNewTestnet(options.dir)
  if (fresh) makeNetwork(options)
  const testnet = { ...readNetwork(options.dir), fresh }
  if (fresh) return testnet
  refuseContradiction(testnet, options)
  const { basePort, baseP2pPort } = options
  if (basePort === undefined && baseP2pPort === undefined) return testnet
  movePorts(testnet, (i) => ({ port: port(basePort, i) ?? testnet.nodes[i]!.port, p2pPort: port(baseP2pPort, i) ?? testnet.nodes[i]!.p2pPort }))
  return { ...readNetwork(options.dir), fresh }
}

const port = (base: number | undefined, i: number): number | undefined => (base === undefined ? undefined : base + i)

export const nodeDir = (dir: string, i: number): string => join(dir, `node${i}`)

/** Where other nodes find node0. */
export const seedAddress = (p2pPort: number, peerId: string): string => `/ip4/${HOST}/tcp/${p2pPort}/p2p/${peerId}`

function makeNetwork({ dir, powers, nodes = powers?.length ?? TESTNET_DEFAULTS.nodes, intervalMs, hearts: each, nowMs, ...ports }: TestnetOptions): void {
  if (powers !== undefined && powers.length !== nodes) {
    throw new Failure('config', `There are ${powers.length} powers for ${nodes} nodes`, 'Give one for each node: --powers 40,30,20,10')
  }
  const indices = Array.from({ length: nodes }, (_, i) => i)
  const { basePort = TESTNET_DEFAULTS.basePort, baseP2pPort = TESTNET_DEFAULTS.baseP2pPort } = ports
  const portsOf = (i: number): Ports => ({ port: basePort + i, p2pPort: baseP2pPort + i })
  checkPorts(indices.map(portsOf))
  if ((each ?? 0) * nodes > MAX_GENESIS_ACCOUNTS) {
    throw new Failure('config', `There would be ${each! * nodes} hearts`, `The genesis enrols at most ${MAX_GENESIS_ACCOUNTS}: change --hearts or --nodes.`)
  }
  const files = [heartsFile(dir), registrarFile(dir)].filter((path) => existsSync(path))
  const found = [...files, ...indices.map((i) => nodeDir(dir, i)).filter((path) => !isFresh(path))][0]
  if (found !== undefined) {
    throw new Failure(
      'genesis',
      `There is already ${found}, but no whole network in ${dir}`,
      'Nothing was changed. Choose another --dir, or if a testnet was cut short here, remove what it left.',
    )
  }
  const keys = indices.map(newNodeKeys)
  const hearts = each === undefined ? null : newHearts(nodes, each)
  const registrar = hearts === null ? null : generateKeyPair('ed25519')
  const enrolment = hearts === null || registrar === null ? undefined : { registrar: toBin(registrar.publicKey), devices: hearts.flat().map(({ publicKey }) => toBin(publicKey)) }
  const genesis = testnetGenesis(keys, { powers, intervalMs, enrolment, nowMs })
  createDataDir(dir)
  if (hearts !== null) writeHearts(dir, hearts)
  if (registrar !== null) writeKeyFile(registrarFile(dir), registrar)
  for (const i of indices.toReversed()) {
    createDataDir(nodeDir(dir, i))
    writeConfig(nodeDir(dir, i), nodeConfig(portsOf(i), i === 0 ? null : seedAddress(baseP2pPort, peerIdOfKeys(keys[0]!))))
    initialise(nodeDir(dir, i), genesis, keys[i])
  }
}

interface GenesisOptions extends Pick<TestnetOptions, 'powers' | 'intervalMs' | 'nowMs'> {
  /** Open if left out. */
  readonly enrolment?: { readonly registrar: KeyBin; readonly devices: readonly KeyBin[] } | undefined
}

/** Epochs and the window of lives are short, so that one sees power move. */
const TESTNET_EPOCHS = { epochBlocks: 24, lifeWindowEpochs: 5 } as const

/** @param powers in lives; one each if left out @throws Failure('genesis') */
export function testnetGenesis(keys: readonly NodeKeys[], { powers, intervalMs, enrolment, nowMs }: GenesisOptions): Genesis {
  const validators = keys.map(({ node, validator }, i) => ({ key: bareBin(validator.publicKey), nodeKey: bareBin(node.publicKey), power: (powers?.[i] ?? 1) * LIFE }))
  const lives = enrolment === undefined ? {} : { registrars: [enrolment.registrar], enrolled: enrolment.devices }
  return networkGenesis({ network: TESTNET_NETWORK, development: true, intervalMs, ...lives, epochs: TESTNET_EPOCHS, nowMs }, validators)
}

type Ports = Pick<TestnetNode, 'port' | 'p2pPort'>
type NodeConfig = Partial<Config>

/** One thread to verify: all nodes share this machine. @param seed null for the seed itself */
const nodeConfig = (ports: Ports, seed: string | null): NodeConfig => ({ host: HOST, ...ports, seeds: seed === null ? [] : [seed], verifyThreads: 1 })

function writeConfig(path: string, config: NodeConfig): void {
  const file = dataDir(path).config
  try {
    replaceFile(file, new TextEncoder().encode(JSON.stringify(config, null, 2) + '\n'), CONFIG_MODE)
  } catch (error) {
    throw storageFailure(`Cannot write ${file}`, error)
  }
}

function checkPorts(all: readonly Ports[]): void {
  const ports = all.flatMap(({ port, p2pPort }) => [port, p2pPort])
  const wrong = ports.some((port) => port > 65_535) ? 'above 65535' : new Set(ports).size < ports.length ? 'used twice' : null
  if (wrong !== null) throw new Failure('config', `A port would be ${wrong}`, 'Change --base-port or --base-p2p-port.')
}

/** Every node from 0 on that has a genesis. @throws Failure `genesis` if they are not of one network */
function readNetwork(dir: string): Omit<Testnet, 'fresh'> {
  const nodes: TestnetNode[] = []
  let genesis: Genesis | null = null
  for (let i = 0; i < MAX_NODES && existsSync(dataDir(nodeDir(dir, i)).genesis); i++) {
    const path = nodeDir(dir, i)
    const paths = dataDir(path)
    const own = readGenesis(paths.genesis)
    genesis ??= own
    if (toHex(genesisHash(own)) !== toHex(genesisHash(genesis))) {
      throw new Failure('genesis', `${path} is of another network than ${nodeDir(dir, 0)}`, 'Choose another --dir.')
    }
    const { port, p2pPort } = loadConfig({ flags: { dataDir: path } }).config
    nodes.push({
      name: `node${i}`,
      dataDir: path,
      url: `http://${HOST}:${port}`,
      port,
      p2pPort,
      peerId: peerIdOfKeys({ node: readKeyFile(paths.nodeKey, 'ed25519') }),
      validator: bareHex(readKeyFile(paths.validatorKey, 'ed25519').publicKey),
    })
  }
  return { dir, nodes, genesis: genesis!, hearts: genesis!.params.enrolled ? readHearts(dir, nodes.length) : null }
}

function refuseContradiction({ dir, nodes, genesis, hearts }: Testnet, options: TestnetOptions): void {
  const powerOf = (validator: string): number => genesis.validators.find(({ key }) => toHex(fromBin(key)) === validator)?.power ?? 0
  const powers = nodes.map(({ validator }) => powerOf(validator) / LIFE)
  const shaped = [
    ['--nodes', options.nodes, nodes.length],
    ['--powers', options.powers?.join(), powers.join()],
    ['--interval', options.intervalMs, genesis.params.blockIntervalMs],
    // Fewer may beat.
    ['--hearts', hearts === null ? undefined : Math.max(options.hearts ?? 0, hearts[0]!.length), hearts?.[0]!.length],
  ] as const
  for (const [flag, wanted, actual] of shaped) {
    if (wanted === undefined || wanted === actual) continue
    throw new Failure('genesis', `${flag} is ${wanted}, but the network in ${dir} has ${actual}`, 'Leave the flag out, or make a new network with another --dir.')
  }
}

/** Changes nothing else in the configuration files. */
function movePorts({ nodes }: Testnet, portsOf: (i: number) => Ports): void {
  checkPorts(nodes.map((_, i) => portsOf(i)))
  const seed = seedAddress(portsOf(0).p2pPort, nodes[0]!.peerId)
  for (const [i, { dataDir: path }] of nodes.entries()) {
    const file = dataDir(path).config
    // Read before, and found to be good.
    const config = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as NodeConfig) : {}
    writeConfig(path, { ...config, ...portsOf(i), ...(i === 0 ? {} : { seeds: [seed] }) })
  }
}
