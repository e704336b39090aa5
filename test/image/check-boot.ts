// Checks of an installed tree that is booted: ready, blocks, kills, hangs, credentials, stop, data.

import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'
import { boot, inTree, monotonic, UNIT } from './machine.ts'
import type { Report } from './report.ts'
import { eventually, expect, run } from './tools.ts'

/** The node's share of the time from power-on to HTTP 200, and to the first block. Waiting for a processor that others use is not its own. */
const MAX_SHARE_S = 3
/** The best of some boots counts. */
const MAX_BOOTS = 3
/** The unit has 30; the tests cannot wait that long. */
const WATCHDOG_S = 6
const BACK_WITHIN_MS = 40_000
const CONFIG = '/etc/pulse-node/config.json'
const BEATING = JSON.stringify({ simulate: 1 })
const QUIET = JSON.stringify({})

interface Status {
  readonly height: number
  readonly headId: string
}

export async function checkBoot(report: Report, tree: string, work: string): Promise<void> {
  const data = join(work, 'data')
  mkdirSync(data)
  const options = { tree, data, log: join(work, 'console.log') }
  await run('sh', ['-c', 'echo "$2" > "$1"', 'sh', join(tree, CONFIG), BEATING])
  const made = await report.check('pulse-node init, as the service user', async () => {
    await inTree(options, 'systemd-tmpfiles', '--create', 'pulse-node.conf')
    await inTree(options, 'runuser', '-u', 'pulse-node', '--', 'pulse-node', 'init', '--data-dir', '/var/lib/pulse-node', '--network', 'image-test')
  })
  if (!made) return
  copyFileSync(join(data, 'last-signed.json'), join(work, 'last-signed.json'))

  const machine = await checkStart(report, options)
  if (machine === null) return
  try {
    await checkRunning(report, machine)
    await checkKill(report, machine)
    machine.write(`/run/systemd/system/${UNIT}.d/test.conf`, `[Service]\nWatchdogSec=${WATCHDOG_S}\n`)
    await machine.run('systemctl', 'daemon-reload')
    await machine.run('systemctl', 'restart', UNIT)
    await checkHungThread(report, machine, 'loop')
    await checkHungThread(report, machine, 'core')
    await checkQuiet(report, machine)
    await checkHungStore(report, machine)
    machine.write(CONFIG, BEATING)
    await checkWrongConfiguration(report, machine)
    await checkCredential(report, machine)
    await checkStop(report, machine)
    await checkVolume(report, machine)
  } finally {
    if (report.failed > 0) await printJournal(machine)
    await machine.powerOff()
  }
  await checkReboot(report, options)
}

/** Boots with and without the node, until the node's share is small enough or the boots are used up. @returns the running machine */
async function checkStart(report: Report, options: Parameters<typeof boot>[0]): Promise<Machine | null> {
  let machine: Machine | null = null
  await report.check(`power-on to HTTP 200 and first block: the node's share at most ${MAX_SHARE_S} s`, async () => {
    for (let boots = 1; ; boots++) {
      await run('systemctl', [`--root=${options.tree}`, 'disable', UNIT])
      const bare = await bareBoot(options)
      await run('systemctl', [`--root=${options.tree}`, 'enable', UNIT])
      machine = await boot(options)
      const [ok, block] = await Promise.all([
        machine.probe('inside-get.ts', '--until-ok', 'http://127.0.0.1:8080/health'),
        machine.probe('inside-get.ts', '--until-height', '1', 'http://127.0.0.1:8080/status'),
      ])
      const from = machine.poweredOn
      const waited = waitedForProcessor(machine.hostPid(await mainPid(machine)))
      const [toOk, toBlock] = [Number(ok) - from, Number(block) - from]
      const figure =
        `bare ${bare.toFixed(2)} s, 200 after ${toOk.toFixed(2)} s, block after ${toBlock.toFixed(2)} s: ` +
        `share ${(toOk - bare).toFixed(2)} s and ${(toBlock - bare).toFixed(2)} s, ${waited.toFixed(2)} s of it waiting for a processor`
      if (Math.max(toOk, toBlock) - bare - waited <= MAX_SHARE_S) return figure
      expect(boots < MAX_BOOTS, figure)
      await machine.powerOff()
      machine = null
      // Only a new chain has a first block.
      await emptyChain(options.data)
    }
  })
  return machine
}

/** @returns seconds that the main thread of a process could have run and did not */
function waitedForProcessor(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e9
}

/** Keys and genesis stay; the record of what was signed begins anew with the chain. */
async function emptyChain(data: string): Promise<void> {
  for (const name of ['db', 'wal', 'last-signed.json']) rmSync(join(data, name), { recursive: true, force: true })
  const owner = statSync(join(data, 'genesis.json'))
  copyFileSync(join(data, '../last-signed.json'), join(data, 'last-signed.json'))
  await run('chown', [`${owner.uid}:${owner.gid}`, join(data, 'last-signed.json')])
}

/** @returns seconds from power-on until the system is up */
async function bareBoot(options: Parameters<typeof boot>[0]): Promise<number> {
  const machine = await boot(options)
  try {
    const up = await eventually('the system is up', 60_000, async () => {
      const { ActiveEnterTimestampMonotonic: at = '0' } = await machine.show('multi-user.target', 'ActiveEnterTimestampMonotonic')
      return Number(at) > 0 ? Number(at) / 1e6 : null
    }, 50)
    return up - machine.poweredOn
  } finally {
    await machine.kill()
  }
}

async function printJournal(machine: Machine): Promise<void> {
  console.log((await machine.journal()).trimEnd().split('\n').slice(-60).join('\n'))
}

const status = async (machine: Machine): Promise<Status> => (await machine.api('/status')) as Status

async function mainPid(machine: Machine): Promise<number> {
  return Number((await machine.show(UNIT, 'MainPID'))['MainPID'])
}

async function checkRunning(report: Report, machine: Machine): Promise<void> {
  await report.check('unit: active, READY came from the node, Status= shows height and peers', async () => {
    const { ActiveState, Type, NRestarts } = await machine.show(UNIT, 'ActiveState', 'Type', 'NRestarts')
    expect(ActiveState === 'active' && Type === 'notify' && NRestarts === '0', `${ActiveState}, ${Type}, ${NRestarts} restarts`)
    return eventually('a status text with a height', 15_000, async () => {
      const text = (await machine.show(UNIT, 'StatusText'))['StatusText'] ?? ''
      return /^height [1-9]\d*, 0 peers/.test(text) ? text : null
    })
  })
  await report.check('launcher: memory settings reach the process, its id stays', async () => {
    const pid = await mainPid(machine)
    const environment = await machine.run('sh', '-c', `tr '\\0' '\\n' < /proc/${pid}/environ; tr '\\0' ' ' < /proc/${pid}/cmdline`)
    expect(environment.includes('MALLOC_ARENA_MAX=2') && environment.includes('--max-semi-space-size=8'), environment)
    return `pid ${pid}`
  })
  await report.check('a device inside: its heartbeats are committed', async () => {
    await machine.run('sh', '-c', 'cd /tmp && pulse-node device new watch.key && pulse-node device simulate --key watch.key --seconds 3')
    return eventually('the device has earned', 10_000, async () => {
      const { code, out } = await machine.try('pulse-node', 'account', '--key', '/tmp/watch.key', '--json')
      const account = (code === 0 ? JSON.parse(out) : {}) as { earned?: string; blocks?: number }
      return BigInt(account.earned ?? '0') > 0n ? `${account.blocks} blocks` : null
    })
  })
}

/** Waits until another process answers than `before`. @returns seconds since `from` */
async function back(machine: Machine, before: number, from: number): Promise<number> {
  await eventually('the unit is active again, with another process', BACK_WITHIN_MS, async () => {
    const { ActiveState, MainPID } = await machine.show(UNIT, 'ActiveState', 'MainPID')
    return ActiveState === 'active' && MainPID !== String(before) && MainPID !== '0' ? true : null
  })
  return Number(await machine.probe('inside-get.ts', '--until-ok', 'http://127.0.0.1:8080/ready')) - from
}

async function checkKill(report: Report, machine: Machine): Promise<void> {
  await report.check('kill -9: back, and the chain goes on', async () => {
    const [before, pid] = [await status(machine), await mainPid(machine)]
    const from = monotonic()
    process.kill(machine.hostPid(pid), 'SIGKILL')
    const seconds = await back(machine, pid, from)
    await machine.probe('inside-get.ts', '--until-height', String(before.height + 1), 'http://127.0.0.1:8080/status')
    return `healthy after ${seconds.toFixed(1)} s`
  })
}

/** Waits for the watchdog. @param release lets go of whatever keeps the killed process from ending */
async function afterWatchdog(machine: Machine, pid: number, from: number, release: () => void = () => {}): Promise<string> {
  const fired = await eventually('the watchdog fires', 3 * WATCHDOG_S * 1_000 + 10_000, async () => {
    const { Result, SubState, MainPID } = await machine.show(UNIT, 'Result', 'SubState', 'MainPID')
    return Result === 'watchdog' || SubState === 'stop-watchdog' || MainPID !== String(pid) ? monotonic() - from : null
  }, 50)
  release()
  const seconds = await back(machine, pid, from)
  const journal = await machine.journal()
  expect(journal.includes(`Killing process ${pid} (`) && journal.includes('Watchdog timeout'), 'the journal names the watchdog')
  return `killed after ${fired.toFixed(1)} s of ${WATCHDOG_S}, healthy after ${seconds.toFixed(1)} s`
}

async function checkHungThread(report: Report, machine: Machine, which: 'loop' | 'core'): Promise<void> {
  const name = which === 'loop' ? 'hung event loop: watchdog, back' : 'hung core thread, while HTTP answers: watchdog, back'
  await report.check(name, async () => {
    await machine.probe('inside-get.ts', '--until-ok', 'http://127.0.0.1:8080/ready')
    const pid = await mainPid(machine)
    process.kill(machine.hostPid(pid), 'SIGUSR1')
    await eventually('the debugger listens', 5_000, async () => ((await machine.journal()).includes('Debugger listening') ? true : null))
    const from = monotonic()
    await machine.probe('inside-hang.ts', which)
    if (which === 'core') await machine.probe('inside-get.ts', '--until-ok', 'http://127.0.0.1:8080/health')
    return afterWatchdog(machine, pid, from)
  })
}

async function checkQuiet(report: Report, machine: Machine): Promise<void> {
  await report.check(`quiet chain: no block for ${3 * WATCHDOG_S} s, and the watchdog is content`, async () => {
    machine.write(CONFIG, QUIET)
    await machine.run('systemctl', 'restart', UNIT)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const [before, { height }] = [await machine.show(UNIT, 'NRestarts', 'MainPID'), await status(machine)]
    await new Promise((resolve) => setTimeout(resolve, 3 * WATCHDOG_S * 1_000))
    const after = await machine.show(UNIT, 'NRestarts', 'MainPID')
    expect((await status(machine)).height === height, 'the chain was quiet')
    expect(JSON.stringify(after) === JSON.stringify(before), `before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`)
  })
}

/** On the quiet chain: nothing but the watchdog's own look would ever notice. */
async function checkHungStore(report: Report, machine: Machine): Promise<void> {
  await report.check('hung store (fsync never returns): watchdog, back', async () => {
    const pid = await mainPid(machine)
    const from = monotonic()
    const delay = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:delay_enter=600s']
    const strace = spawn('strace', ['-f', '-qq', '-o', '/dev/null', ...delay, '-p', String(machine.hostPid(pid))], { stdio: 'ignore' })
    try {
      // A traced process that is killed waits for its tracer, which waits for the delay.
      return await afterWatchdog(machine, pid, from, () => strace.kill('SIGKILL'))
    } finally {
      strace.kill('SIGKILL')
    }
  })
}

async function checkWrongConfiguration(report: Report, machine: Machine): Promise<void> {
  const cases = [
    { name: 'no configuration', exit: '3', break: `mv ${CONFIG} /tmp/kept.json`, mend: `mv /tmp/kept.json ${CONFIG}`, says: /config\.json cannot be read.*\(config\)/ },
    { name: 'unknown key', exit: '3', break: `cp ${CONFIG} /tmp/kept.json; echo '{"prot": 1}' > ${CONFIG}`, mend: `mv /tmp/kept.json ${CONFIG}`, says: /Unknown key "prot".*Did you mean port\? \(config\)/ },
    { name: 'read-only disk', exit: '8', break: 'mount -o remount,bind,ro /var/lib/pulse-node', mend: 'mount -o remount,bind,rw /var/lib/pulse-node', says: /Cannot write to the data directory.*\(storage\)/ },
    { name: 'empty data directory', exit: '4', break: 'mkdir /var/lib/pulse-node/away; cd /var/lib/pulse-node; for f in *; do [ $f = away ] || mv $f away/; done; rm -f .watchdog; mv away /var/lib/pulse-node/lost+found', mend: 'cd /var/lib/pulse-node; mv lost+found/* .; rmdir lost+found', says: /There is no network in \/var\/lib\/pulse-node\. .*\(genesis\)/ },
  ]
  for (const { name, exit, break: spoil, mend, says } of cases) {
    await report.check(`${name}: the unit fails, says why, and is not restarted`, async () => {
      await machine.run('systemctl', 'stop', UNIT)
      await machine.run('sh', '-c', spoil)
      try {
        const { code } = await machine.try('systemctl', 'start', UNIT)
        expect(code !== 0, 'systemctl start fails')
        // Longer than RestartSec=.
        await new Promise((resolve) => setTimeout(resolve, 2_000))
        const { ActiveState, ExecMainStatus, NRestarts } = await machine.show(UNIT, 'ActiveState', 'ExecMainStatus', 'NRestarts')
        expect(ActiveState === 'failed' && ExecMainStatus === exit && NRestarts === '0', `${ActiveState}, exit code ${ExecMainStatus}, ${NRestarts} restarts`)
        const line = (await machine.journal()).split('\n').findLast((each) => each.startsWith('pulse-node: ')) ?? ''
        expect(says.test(line), `the journal says: ${line}`)
        return `exit code ${exit}`
      } finally {
        await machine.run('sh', '-c', mend)
        await machine.run('systemctl', 'reset-failed', UNIT)
      }
    })
  }
}

async function checkCredential(report: Report, machine: Machine): Promise<void> {
  await report.check('validator key by LoadCredential=: signs, and is not in the data directory', async () => {
    await machine.try('systemctl', 'stop', UNIT)
    const profile = '/opt/pulse-node/current/systemd/profiles/validator-credential.conf'
    await machine.run('sh', '-c', [
      'set -e',
      'install -d -m 0700 /etc/pulse-node/credentials',
      'mv /var/lib/pulse-node/validator.key /etc/pulse-node/credentials/',
      'chown root:root /etc/pulse-node/credentials/validator.key',
      `install -D -m 0644 ${profile} /etc/systemd/system/${UNIT}.d/validator-credential.conf`,
      'systemctl daemon-reload',
      `systemctl start ${UNIT}`,
    ].join('\n'))
    try {
      const { height } = await status(machine)
      await machine.probe('inside-get.ts', '--until-height', String(height + 1), 'http://127.0.0.1:8080/status')
      await machine.run('test', '!', '-e', '/var/lib/pulse-node/validator.key')
    } finally {
      await machine.try('systemctl', 'stop', UNIT)
      await machine.run('sh', '-c', [
        'install -o pulse-node -g pulse-node -m 0600 /etc/pulse-node/credentials/validator.key /var/lib/pulse-node/',
        `rm -r /etc/pulse-node/credentials /etc/systemd/system/${UNIT}.d`,
        'systemctl daemon-reload',
        `systemctl start ${UNIT}`,
      ].join('\n'))
    }
  })
}

async function checkStop(report: Report, machine: Machine): Promise<void> {
  await report.check('clean stop within its time, data kept over a restart, chain right', async () => {
    const { height: first } = await status(machine)
    await machine.probe('inside-get.ts', '--until-height', String(first + 1), 'http://127.0.0.1:8080/status')
    const before = await status(machine)
    const from = monotonic()
    await machine.run('systemctl', 'stop', UNIT)
    const seconds = monotonic() - from
    const { ActiveState, Result, ExecMainStatus } = await machine.show(UNIT, 'ActiveState', 'Result', 'ExecMainStatus')
    expect(ActiveState === 'inactive' && Result === 'success' && ExecMainStatus === '0', `${ActiveState}, ${Result}, exit code ${ExecMainStatus}`)
    const verified = JSON.parse(await machine.run('runuser', '-u', 'pulse-node', '--', 'pulse-node', 'verify', '--data-dir', '/var/lib/pulse-node', '--json')) as Status & { ok: boolean }
    expect(verified.ok && verified.height >= before.height, `verified ${verified.height}, before it was ${before.height}`)
    await machine.run('systemctl', 'start', UNIT)
    const block = (await machine.api(`/v2/blocks/${before.height}`)) as { id: string }
    expect(block.id === before.headId, 'the block of before is the same')
    return `stopped in ${seconds.toFixed(1)} s, height ${verified.height}`
  })
}

/** The data directory is a mount in this machine, as a data volume is. Last, because it takes the volume away. */
async function checkVolume(report: Report, machine: Machine): Promise<void> {
  await report.check('data volume profile: starts on the volume, refuses the bare directory', async () => {
    await machine.run('sh', '-c', [
      'set -e',
      `install -D -m 0644 /opt/pulse-node/current/systemd/profiles/data-volume.conf /etc/systemd/system/${UNIT}.d/data-volume.conf`,
      'systemctl daemon-reload',
      `systemctl restart ${UNIT}`,
      `systemctl stop ${UNIT}`,
      'umount /var/lib/pulse-node',
    ].join('\n'))
    expect((await machine.try('systemctl', 'start', UNIT)).code !== 0, 'it started without its volume')
    const { ActiveState, AssertResult } = await machine.show(UNIT, 'ActiveState', 'AssertResult')
    expect(ActiveState !== 'active' && AssertResult === 'no', `${ActiveState}, assertion: ${AssertResult}`)
  })
}

async function checkReboot(report: Report, options: Parameters<typeof boot>[0]): Promise<void> {
  await report.check('power-off and on: same identity, same chain, and it goes on', async () => {
    const identity = (): Promise<string> => inTree(options, 'runuser', '-u', 'pulse-node', '--', 'pulse-node', 'keys', '--data-dir', '/var/lib/pulse-node', '--json')
    const before = await identity()
    const machine = await boot(options)
    try {
      const ok = Number(await machine.probe('inside-get.ts', '--until-ok', 'http://127.0.0.1:8080/ready')) - machine.poweredOn
      const { height } = await status(machine)
      expect(height > 0, `the chain has height ${height}`)
      await machine.probe('inside-get.ts', '--until-height', String(height + 1), 'http://127.0.0.1:8080/status')
      // The plug is pulled: what was committed is on disk.
      const last = await status(machine)
      await machine.kill()
      expect((await identity()) === before, 'the keys are the same')
      const verified = JSON.parse(await inTree(options, 'runuser', '-u', 'pulse-node', '--', 'pulse-node', 'verify', '--data-dir', '/var/lib/pulse-node', '--json')) as Status & { ok: boolean }
      expect(verified.ok && verified.height >= last.height, `after the power cut the chain has height ${verified.height}, it had ${last.height}`)
      return `ready after ${ok.toFixed(1)} s, height ${verified.height}`
    } catch (error) {
      await printJournal(machine)
      throw error
    } finally {
      await machine.kill()
    }
  })
}
