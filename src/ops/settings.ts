// The table of settings. Flags, environment variables, file keys, help, checks and `config show` all derive from it.
//
//   name in the file   flag              environment
//   p2pPort            --p2p-port        PULSE_P2P_PORT

import { availableParallelism } from 'node:os'
import type { Setting, ValueType } from './setting.ts'
import { choice, host, integer, listOf, multiaddr, network, path } from './setting.ts'

const MEBIBYTE = 1024 * 1024

function setting<T>(
  group: Setting<T>['group'],
  type: ValueType<T>,
  value: NoInfer<T>,
  description: string,
  more: Pick<Setting<T>, 'flag' | 'bare'> = {},
): Setting<T> {
  return { group, type, default: value, description, ...more }
}

/** Verification is the bulk of the work; beyond eight threads the core thread is the limit. */
const defaultVerifyThreads = (): number => Math.max(1, Math.min(8, availableParallelism()))

export const SETTINGS = {
  dataDir: setting('Node', path, './pulse-data', 'where keys, chain and configuration are'),
  simulate: setting('Node', integer(0, 100), 0, 'simulated hearts; development networks only', { bare: '3' }),
  verifyThreads: setting('Node', integer(1, 64), defaultVerifyThreads(), 'threads that verify signatures'),
  verify: setting('Node', choice('full', 'certificates'), 'full', 'full: every signature when catching up; certificates: heartbeats in certified blocks are trusted'),
  shutdownTimeoutMs: setting('Node', integer(100, 600_000, 'ms'), 10_000, 'longest time that a graceful stop may take'),

  host: setting('Network', host, '0.0.0.0', 'address that the API listens on'),
  port: setting('Network', integer(0, 65_535, 'port'), 8080, 'port of the API; 0 picks a free one'),
  p2pPort: setting('Network', integer(0, 65_535, 'port'), 4001, 'port for other nodes; 0 picks a free one'),
  seeds: setting('Network', listOf(multiaddr, 64), [], 'nodes to dial first; may be repeated', { flag: 'seed' }),
  announce: setting('Network', listOf(multiaddr, 16), [], 'addresses to tell other nodes, instead of those listened on'),
  trustedProxies: setting('Network', listOf(network, 64), [], 'proxies whose X-Forwarded-For is believed'),

  logLevel: setting('Log', choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info', 'least level that is logged'),
  logFormat: setting('Log', choice('auto', 'pretty', 'json'), 'auto', 'auto: pretty on a terminal, else json'),

  mempoolHeartbeats: setting('Limits', integer(1, 10_000_000), 200_000, 'heartbeats that may wait'),
  mempoolTransactions: setting('Limits', integer(1, 1_000_000), 50_000, 'transactions that may wait'),
  mempoolBytes: setting('Limits', integer(MEBIBYTE, 16 * 1024 * MEBIBYTE, 'bytes'), 64 * MEBIBYTE, 'size of all that wait'),
  readsPerSecond: setting('Limits', integer(1, 1_000_000), 200, 'reads per address'),
  writesPerSecond: setting('Limits', integer(1, 1_000_000), 1_000, 'writes per address'),
  heartbeatsPerDevicePerSecond: setting('Limits', integer(1, 1_000), 2, 'heartbeats per device key'),
  wsClients: setting('Limits', integer(0, 100_000), 1_000, 'WebSocket connections'),
  walKeepSegments: setting('Limits', integer(1, 10_000), 8, 'segments of the consensus log that are kept'),
} as const

type Table = typeof SETTINGS

export type SettingName = keyof Table

/** What a node runs with. */
export type Config = { readonly [Name in SettingName]: Table[Name] extends Setting<infer T> ? T : never }

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

export const settingOf = (name: SettingName): Setting<unknown> => SETTINGS[name]

/** `p2pPort` is `--p2p-port`. */
export function flagOf(name: SettingName): string {
  return '--' + (settingOf(name).flag ?? name.replace(/[A-Z]/g, (letter) => '-' + letter.toLowerCase()))
}

/** `p2pPort` is `PULSE_P2P_PORT`. */
export const envOf = (name: SettingName): string => 'PULSE_' + name.replace(/[A-Z]/g, (letter) => '_' + letter).toUpperCase()

/** The defaults with some values replaced, for tests and for programs that start a node themselves. */
export function configWith(values: Partial<Config> = {}): Config {
  const defaults = Object.fromEntries(SETTING_NAMES.map((name) => [name, settingOf(name).default])) as unknown as Config
  return { ...defaults, ...values }
}
