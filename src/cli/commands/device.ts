// `device new|beat|simulate|replay`: devices at the command line, by the SDK of src/device.

import type { Command } from 'commander'
import { Option } from 'commander'
import type { Device } from '../../device/run.ts'
import { Failure } from '../../ops/failure.ts'
import type { Cli, Run } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { clientUrl } from '../client.ts'
import { addClientFlags, integerFlag } from '../flags.ts'
import { record } from '../output.ts'

export const DEFAULT_KEY_FILE = 'device.key'
const REPORT_EVERY_MS = 5_000

const REPLAY_EXAMPLES = `
Examples:
  $ pulse-node device replay nsr001.ms.gz
  $ pulse-node device replay nsr001.ms.gz --speed 10 --key phone.key`

export function registerDevice(program: Command, cli: Cli): void {
  const device = program.command('device').summary('make devices, and let them beat')
  device.description('Make devices, and let them beat.').helpCommand(false)
  registerNew(device, cli)
  registerBeat(device, cli)
  registerSimulate(device, cli)
  registerReplay(device, cli)
}

function registerNew(device: Command, cli: Cli): void {
  const command = device
    .command('new')
    .argument('[file]', 'key file to make', DEFAULT_KEY_FILE)
    .description('Make a device key. An existing file is never overwritten.')
    .addOption(new Option('--curve <curve>', 'curve of the key').choices(['p256', 'ed25519', 'secp256k1']).default('p256'))
    .addHelpText('after', '\nExamples:\n  $ pulse-node device new\n  $ pulse-node device new phone.key --curve ed25519')
  action(command, cli, async (run, file = DEFAULT_KEY_FILE) => {
    const { createIdentity } = await import('../../device/identity.ts')
    const { writeKeyFile } = await import('../../ops/keyfile.ts')
    const identity = createIdentity(run.options['curve'] as 'p256' | 'ed25519' | 'secp256k1')
    writeKeyFile(file, identity.keys)
    const facts = { file, curve: identity.keys.curve, key: identity.keyText }
    run.print(facts, () => record([['file', file], ['curve', facts.curve], ['key', facts.key]]))
  })
}

function registerBeat(device: Command, cli: Cli): void {
  const command = addKeyFlag(device.command('beat'))
    .description('Send one heartbeat of a simulated heart; development networks only.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node device beat\n  $ pulse-node device beat --key phone.key --url http://10.0.0.7:8080')
  action(addClientFlags(command), cli, async (run) => {
    const { beat } = await import('../../device/heartbeat.ts')
    const { createHeart } = await import('../../device/heart.ts')
    const { connect } = await import('../hearts.ts')
    const identity = await identityOf(run)
    const { client, queue } = await connect({ url: await clientUrl(run), fetch: run.fetch, onTrouble: () => undefined })
    queue.close()
    const network = queue.network()
    if (!network.development) {
      throw new Failure(
        'config',
        'Simulated hearts are for development networks only',
        'Beat with a real device, or use pulse-node init for a network of your own.',
      )
    }
    const vitals = createHeart({ seed: identity.keyText }).next(10_000)
    const heartbeat = vitals === null ? null : beat(identity, network, vitals, client.nowMs())
    if (heartbeat === null) throw new Error('a new heart is silent')
    const [verdict] = await client.sendHeartbeats([heartbeat])
    if (verdict?.accepted !== true) throw new Failure('refused', `The node refused the heartbeat: ${verdict?.code}`, verdict?.detail ?? '')
    const facts = { key: identity.keyText, id: verdict.id, weightPpm: verdict.weightPpm, timestampS: heartbeat.timestampS }
    run.print(facts, () => record([['key', facts.key], ['heartbeat', facts.id], ['weight', `${facts.weightPpm} ppm`]]))
  })
}

function registerSimulate(device: Command, cli: Cli): void {
  const command = device
    .command('simulate')
    .argument('[n]', 'number of devices, each with a new key', '3')
    .description('Let simulated hearts beat until Ctrl-C; development networks only.')
    .option('--key <file>', 'one device instead: that of this key file')
    .option('--every <ms>', 'time between two heartbeats of a device (default: 2000)')
    .option('--seconds <n>', 'stop after so long')
    .addHelpText('after', '\nExamples:\n  $ pulse-node device simulate\n  $ pulse-node device simulate 100 --every 1000 --seconds 60\n  $ pulse-node device simulate --key phone.key')
  action(addClientFlags(command), cli, async (run, n = '3') => {
    if (!/^[1-9][0-9]{0,4}$/.test(n)) throw new Failure('usage', `"${n}" is no number of devices`, 'Give 1 to 99999.')
    if (textOption(run.options, 'key') === undefined) {
      const { simulatedDevices } = await import('../hearts.ts')
      await beatUntilStopped(run, simulatedDevices(Number(n)), { devices: Number(n) })
    } else {
      const { createHeart } = await import('../../device/heart.ts')
      const identity = await identityOf(run)
      await beatUntilStopped(run, [{ identity, source: createHeart({ seed: identity.keyText }) }], { key: identity.keyText })
    }
  })
}

function registerReplay(device: Command, cli: Cli): void {
  const command = addKeyFlag(device.command('replay'))
    .argument('<recording>', 'one RR interval in milliseconds per line, plain or gzip')
    .description('Replay a recording of a heart as if a watch measured it now.')
    .option('--speed <n>', 'seconds of recording per second; above 1 on development networks only (default: 1)')
    .option('--every <ms>', 'time between two heartbeats (default: 2000)')
    .option('--seconds <n>', 'stop after so long')
    .option('--loop', 'start again at the end')
    .addHelpText('after', REPLAY_EXAMPLES)
  action(addClientFlags(command), cli, async (run, file = '') => {
    const { createReplay } = await import('../../device/recording.ts')
    const { readRecording } = await import('../../device/recording-node.ts')
    const speed = integerFlag(run.options, '--speed', 1, 1_000) ?? 1
    const identity = await identityOf(run)
    const source = createReplay(await readRecording(file), { speed, loop: run.options['loop'] === true })
    await beatUntilStopped(run, [{ identity, source }], { key: identity.keyText, recording: file, speed })
  })
}

const addKeyFlag = (command: Command): Command => command.option('--key <file>', `key file of the device (default: ${DEFAULT_KEY_FILE})`)

export async function identityOf({ options }: Pick<Run, 'options'>) {
  const { identityFromKeys } = await import('../../device/identity.ts')
  const { readKeyFile } = await import('../../ops/keyfile.ts')
  return identityFromKeys(readKeyFile(textOption(options, 'key') ?? DEFAULT_KEY_FILE))
}

/** Reports every few seconds for people, and the sums at the end. */
async function beatUntilStopped(run: Run, devices: readonly Device[], facts: Record<string, string | number>): Promise<void> {
  const { BEAT_EVERY_MS, runHearts, stopSignal } = await import('../hearts.ts')
  const url = await clientUrl(run)
  const everyMs = integerFlag(run.options, '--every', 100, 3_600_000) ?? BEAT_EVERY_MS
  const counts = { accepted: 0, refused: 0 }
  const stop = stopSignal(run, integerFlag(run.options, '--seconds', 1, 10_000_000))
  const report = run.clock.every(REPORT_EVERY_MS, () => {
    if (!run.json) run.out(`${counts.accepted} heartbeats accepted, ${counts.refused} refused\n`)
  })
  if (!run.json) run.out(`${record([['node', url], ...Object.entries(facts)])}\nStop with Ctrl-C.\n`)
  try {
    const summary = await runHearts({
      url,
      fetch: run.fetch,
      devices,
      everyMs,
      signal: stop.signal,
      onTrouble: (code, detail) => run.err(`${code}: ${detail}\n`),
      onVerdict: (accepted) => (counts[accepted ? 'accepted' : 'refused'] += 1),
    })
    run.print({ url, ...facts, ...summary }, () => record(Object.entries(summary)))
    if (summary.made > 0 && summary.accepted === 0) throw new Failure('refused', 'The node accepted no heartbeat', 'See the codes above.')
  } finally {
    report.cancel()
    stop.close()
  }
}
