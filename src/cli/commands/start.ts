// `start`: runs the node until it is told to stop.

import type { Command } from 'commander'
import type { LoadedConfig } from '../../ops/config.ts'
import type { DataDir } from '../../ops/datadir.ts'
import { Failure } from '../../ops/failure.ts'
import type { Logger } from '../../ops/logger.ts'
import type { Progress } from '../../ops/notify.ts'
import type { Config } from '../../ops/settings.ts'
import type { Genesis } from '../../protocol/genesis.ts'
import type { Cli, Run } from '../cli.ts'
import { action } from '../cli.ts'
import { addSettingFlags, configOf, integerFlag } from '../flags.ts'
import { record } from '../output.ts'
import { version } from '../../ops/version.ts'
import { DEVELOPMENT_NETWORK } from '../genesis-flags.ts'

const DESCRIPTION =
  'Run the node until SIGTERM or SIGINT (Ctrl-C). ' +
  'In a new or empty data directory a development network of this one node is made first.'

const EXAMPLES = `
Examples:
  $ pulse-node start --simulate      a network of your own, with three hearts
  $ pulse-node start --port 8080 --p2p-port 4001 --data-dir /var/lib/pulse
  $ PULSE_LOG_LEVEL=debug pulse-node start`

export function registerStart(program: Command, cli: Cli): void {
  const command = program
    .command('start')
    .summary('run the node')
    .description(DESCRIPTION)
    .option('--threshold <n>', 'distinct lives that a rewarded block needs; shapes a new network only')
    .option('--interval <ms>', 'time between blocks; shapes a new network only')
    .option('--no-init', 'fail in a new or empty data directory, instead of making a network')
    .addHelpText('after', EXAMPLES)
  action(addSettingFlags(command), cli, async (run) => {
    const loaded = configOf(run)
    const config: Config = run.json ? { ...loaded.config, logFormat: 'json' } : loaded.config
    const { genesis, paths, fresh } = await prepare(run, { ...loaded, config })
    const { createLogger, isPretty } = await import('../../ops/logger.ts')
    const destination = run.log === undefined ? {} : { destination: run.log }
    const logger = createLogger({ level: config.logLevel, format: config.logFormat, ...destination })
    const greet = (url: string): void => {
      const { network, params } = genesis
      const facts = { version: version(), network, development: params.development, dataDir: paths.root, fresh, url }
      if (isPretty(config.logFormat, run.outIsTerminal)) run.out(banner(facts, config.simulate))
      else logger.info('Node started', facts)
    }
    run.setExitCode(await runNode(run, config, genesis, logger, greet))
  })
}

interface Prepared {
  readonly genesis: Genesis
  readonly paths: DataDir
  /** True if the data directory was made just now. */
  readonly fresh: boolean
}

/** @throws Failure('genesis') if a flag contradicts the genesis, Failure('config') for simulated hearts on a real network */
async function prepare(run: Run, { config, origins }: LoadedConfig): Promise<Prepared> {
  const { initialise, isFresh } = await import('../network.ts')
  const { readGenesis } = await import('../../ops/genesis-file.ts')
  const { dataDir } = await import('../../ops/datadir.ts')
  const threshold = integerFlag(run.options, '--threshold', 1, 32_768)
  const intervalMs = integerFlag(run.options, '--interval', 100, 3_600_000)
  if (isFresh(config.dataDir)) {
    if (run.options['init'] === false) {
      throw new Failure('genesis', `There is no network in ${config.dataDir}`, 'Make one with pulse-node init, or join one with pulse-node init --genesis FILE.')
    }
    const solo = { network: DEVELOPMENT_NETWORK, development: true, threshold, intervalMs, nowMs: run.clock.nowMs() }
    return { ...initialise(config.dataDir, solo), fresh: true }
  }
  const paths = dataDir(config.dataDir)
  const genesis = readGenesis(paths.genesis)
  const { params } = genesis
  const shaped = [
    ['--threshold', threshold, params.threshold],
    ['--interval', intervalMs, params.blockIntervalMs],
  ] as const
  for (const [flag, wanted, actual] of shaped) {
    if (wanted === undefined || wanted === actual) continue
    throw new Failure(
      'genesis',
      `${flag} is ${wanted}, but the genesis ${paths.genesis} says ${actual}`,
      'Leave the flag out, or make a new network with pulse-node init.',
    )
  }
  if (config.simulate > 0 && !params.development) {
    throw new Failure(
      'config',
      `simulate is ${config.simulate} (${origins.simulate.text}), but ${genesis.network} is no development network`,
      'Leave it out.',
    )
  }
  return { genesis, paths, fresh: false }
}

/** @returns the exit code @throws the failure that stopped the node */
async function runNode(run: Run, config: Config, genesis: Genesis, logger: Logger, greet: (url: string) => void): Promise<number> {
  const { createShutdown } = await import('../../ops/shutdown.ts')
  const { createSupervision } = await import('../../ops/notify.ts')
  const { createNode } = await import('../../node/node.ts')
  const hearts = new AbortController()
  let beating: Promise<unknown> = Promise.resolve()
  let failure: Failure | null = null

  const created = createNode({ config, genesis, logger, env: run.env })
  const started = created.then((node) => node.start())
  const progress = async (): Promise<Progress> => (await created).progress()
  const supervision = createSupervision({ env: run.env, pid: process.pid, progress, clock: run.clock, logger })
  // The signals are ours from here on: a stop during the start waits for it, and then goes the usual way.
  const shutdown = createShutdown({
    async stop() {
      const told = supervision.stopping(config.shutdownTimeoutMs)
      hearts.abort()
      await beating
      await started.catch(() => undefined)
      await (await created).stop()
      await told
    },
    timeoutMs: config.shutdownTimeoutMs,
    logger,
    clock: run.clock,
    signals: run.signals,
  })
  const { url } = await started
  greet(url)
  supervision.ready()
  const node = await created
  void node.failed.then((cause) => {
    failure = cause
    shutdown.request('failure', cause.exitCode)
  })
  if (config.simulate > 0 && !shutdown.stopping) {
    const stopped = (error: unknown): void => logger.error('Simulated hearts stopped', { error })
    beating = simulate(run, url, config.simulate, hearts.signal, logger.child('hearts')).catch(stopped)
  }
  const exitCode = await shutdown.done
  if (failure !== null) throw failure as Failure
  return exitCode
}

async function simulate(run: Run, url: string, count: number, signal: AbortSignal, logger: Logger): Promise<void> {
  const { BEAT_EVERY_MS, runHearts, simulatedDevices } = await import('../hearts.ts')
  await runHearts({
    url,
    fetch: run.fetch,
    devices: simulatedDevices(count),
    everyMs: BEAT_EVERY_MS,
    signal,
    onTrouble: (code, detail) => logger.warn('Heartbeat refused', { code, detail }),
  })
}

interface Facts {
  readonly version: string
  readonly network: string
  readonly development: boolean
  readonly dataDir: string
  readonly fresh: boolean
  readonly url: string
}

function banner({ version, network, development, dataDir, fresh, url }: Facts, hearts: number): string {
  const entries: [string, string][] = [
    ['network', network + (development ? ' (development)' : '') + (fresh ? ', made just now' : '')],
    ['data', dataDir],
    ['API', url],
  ]
  if (hearts > 0) entries.push(['hearts', `${hearts} simulated`])
  return `\npulse-node ${version}\n\n${record(entries)}\nStop with Ctrl-C.\n\n`
}
