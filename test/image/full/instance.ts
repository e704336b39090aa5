// One instance with a data volume: boots, takes a heartbeat, survives a kill and a reboot, keeps what it is.

import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import type { FakeImds } from '../../unit/fake-imds.ts'
import type { Bench } from '../full.ts'
import type { Report } from '../report.ts'
import { eventually, expect, run } from '../tools.ts'
import { addShell, addStandIn, toRaw } from './images.ts'
import type { Block } from './nodes.ts'
import { beat, blockFrom, bootAgain, BOOT_TIMEOUT_MS, freePorts, getJson, metadataOf, STEP_TIMEOUT_MS } from './nodes.ts'
import type { Vm } from './vm.ts'
import { newDisk, powerOn } from './vm.ts'

/** Emulated, beside the same base image without the node. */
const MAX_SHARE_S = 15
const DATA_DISK_MIB = 512

interface BootTime {
  /** By the clock on the wall. */
  readonly wallS: number
  /** Of processor time: where other programs run beside the emulator, this is the fairer comparison. */
  readonly cpuS: number
}

const bootTime = (vm: Vm): BootTime => ({ wallS: (performance.now() - vm.poweredOnMs) / 1_000, cpuS: vm.cpuSeconds() })
const bootText = ({ wallS, cpuS }: BootTime): string => `${wallS.toFixed(0)} s (${cpuS.toFixed(0)} s of processor time)`

/** @returns time from power on to HTTP 200 of the base image with a stand-in for the node */
export async function checkBase({ report, work, base }: Bench): Promise<BootTime | null> {
  let time: BootTime | null = null
  await report.check('base image without the node: power on to HTTP 200', async () => {
    const image = join(work, 'base.raw')
    await toRaw(base, image)
    await addShell(image)
    await addStandIn(image)
    const imds = await metadataOf('i-base', {})
    const [port] = await freePorts(1)
    await newDisk({ work, name: 'base', image })
    const vm = powerOn({ name: 'base', work, ports: { [port!]: 8080 }, imdsPort: imds.port })
    try {
      await vm.http(port!, '/', BOOT_TIMEOUT_MS)
      time = bootTime(vm)
      return bootText(time)
    } finally {
      await vm.kill()
      await imds.close()
    }
  })
  return time
}

interface NodeInfo {
  readonly witness: string
  readonly validator: string | null
  readonly genesisHash: string
}

export async function checkInstance(bench: Bench, base: BootTime | null): Promise<void> {
  const { report, work, image, cli } = bench
  const name = 'a'
  const dataDisk = join(work, 'data.raw')
  await run('truncate', ['-s', `${DATA_DISK_MIB}M`, dataDisk])
  const network = { name: 'harbour', development: true, threshold: 1, intervalMs: 1_000 }
  const userData = { instance: { network, dataVolume: 'auto' } }
  const imds = await metadataOf('i-a', userData)
  const [port] = (await freePorts(1)) as [number]
  await newDisk({ work, name, image })
  const vm = powerOn({ name, work, ports: { [port]: 8080 }, imdsPort: imds.port, dataDisk })
  try {
    let time: BootTime | null = null
    let height = 0
    const booted = await report.check('instance: power on to HTTP 200', async () => {
      await vm.http(port, '/health', BOOT_TIMEOUT_MS)
      time = bootTime(vm)
      return bootText(time)
    })
    if (!booted) {
      report.note('instance: the end of its console', '\n' + vm.console().split('\n').slice(-30).join('\n'))
      return
    }
    await report.check('a heartbeat from the host is committed', async () => {
      await beat(cli, port, join(work, 'device.key'))
      const block = await blockFrom(port, 1)
      expect(block.heartbeats === 1, `block ${block.height} has ${block.heartbeats} heartbeats`)
      height = block.height
      return `first block ${((performance.now() - vm.poweredOnMs) / 1_000).toFixed(0)} s after power on`
    })
    await checkShare(report, base, time)

    await report.check('a blank data disk was adopted; public address found and announced; doctor finds nothing', async () => {
      const mounts = await vm.sh('findmnt -no SOURCE,FSTYPE,OPTIONS /var/lib/pulse-node; blkid -o value -s LABEL /dev/vdb; stat -c "%U %a" /var/lib/pulse-node; ls /var/lib/pulse-node')
      expect(/\/dev\/vdb\s+ext4\s.*nosuid,nodev/.test(mounts) && mounts.includes('pulse-data') && mounts.includes('pulse-node 700') && mounts.includes('validator.key'), mounts)
      const config = await vm.sh('cat /etc/pulse-node/config.json')
      expect(config.includes('"/ip4/169.254.0.2/tcp/4001"'), config)
      const { out } = await vm.shell('runuser -u pulse-node -- pulse-node doctor --json', STEP_TIMEOUT_MS)
      const { findings } = JSON.parse(out.slice(out.indexOf('{'), out.lastIndexOf('}') + 1)) as { findings: { check: string; verdict: string; text: string }[] }
      const failed = findings.filter(({ verdict }) => verdict === 'fail')
      expect(findings.length >= 10 && failed.length === 0, JSON.stringify(failed))
      return mounts.split('\n')[0]!.replace(/\s+/g, ' ').slice(0, 40)
    })

    await report.check('kill -9: the node is back', async () => {
      const before = (await vm.sh('systemctl show pulse-node -p MainPID --value')).trim()
      const startedMs = performance.now()
      await vm.sh('systemctl kill --signal=KILL --kill-who=main pulse-node')
      await eventually('another process', STEP_TIMEOUT_MS, async () => {
        const pid = (await vm.sh('systemctl show pulse-node -p MainPID --value')).trim()
        return pid !== '0' && pid !== before ? pid : null
      }, 250)
      await vm.http(port, '/health', STEP_TIMEOUT_MS)
      return `healthy after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`
    })

    await report.check('reboot: the same identity and chain', async () => {
      const node = await getJson<NodeInfo>(port, '/v2/node')
      const block = await getJson<Block>(port, `/v2/blocks/${height}`)
      const startedMs = performance.now()
      await vm.shell('systemd-run --on-active=1 systemctl reboot')
      await eventually('the node goes', STEP_TIMEOUT_MS, async () => ((await fetch(`http://127.0.0.1:${port}/health`).catch(() => null)) === null ? true : null))
      await vm.http(port, '/health', BOOT_TIMEOUT_MS)
      const seconds = (performance.now() - startedMs) / 1_000
      const again = await getJson<NodeInfo>(port, '/v2/node')
      expect(again.witness === node.witness && again.validator === node.validator && again.genesisHash === node.genesisHash, 'another identity')
      expect((await getJson<Block>(port, `/v2/blocks/${height}`)).id === block.id, 'another chain')
      expect((await vm.sh('findmnt -no SOURCE /var/lib/pulse-node')).trim() === '/dev/vdb', 'the data volume is not mounted')
      await beat(cli, port, join(work, 'device2.key'))
      const next = await blockFrom(port, height + 1)
      return `HTTP 200 after ${seconds.toFixed(0)} s, then block ${next.height}`
    })

    await report.check("another network's chain on the volume is refused", async () => {
      imds.instance.userData = JSON.stringify({ instance: { network: { ...network, name: 'elsewhere' }, dataVolume: 'auto' } })
      const { failed, line } = await bootAgain(vm)
      expect(failed && /holds the network harbour, but the user-data asks for elsewhere.*\(wrong_network\)$/.test(line), line)
      return line.slice(0, 60)
    })
    const off = await report.check('clean stop and power off', () => vm.powerOff())
    imds.instance.userData = JSON.stringify(userData)
    if (off) await checkReplacement(bench, { imds, port, dataDisk, height })
  } finally {
    await vm.kill()
    await imds.close()
  }
}

/** The emulator itself keeps two processors busy. Above this others do, and a comparison of times says nothing. */
const isBusy = (): boolean => loadavg()[0]! > 2 * availableParallelism()

async function checkShare(report: Report, base: BootTime | null, time: BootTime | null): Promise<void> {
  const name = `the node's share of the boot is at most ${MAX_SHARE_S} s emulated`
  if (base === null || time === null) return report.skip(name, 'there is nothing to compare')
  const wallS = time.wallS - base.wallS
  const text = `${wallS.toFixed(1)} s (${(time.cpuS - base.cpuS).toFixed(1)} s of processor time)`
  if (isBusy()) return report.skip(name, `this machine is busy with other things, load ${loadavg()[0]!.toFixed(0)}; it was ${text}`)
  await report.check(name, () => {
    expect(wallS <= MAX_SHARE_S, text)
    return text
  })
}

/** As a new version is rolled out: the volume of an instance that was stopped goes to a new one, here a larger one. */
async function checkReplacement({ report, work, image }: Bench, { imds, port, dataDisk, height }: { imds: FakeImds; port: number; dataDisk: string; height: number }): Promise<void> {
  const name = 'a2'
  await newDisk({ work, name, image })
  await run('truncate', ['-s', `${2 * DATA_DISK_MIB}M`, dataDisk])
  const vm = powerOn({ name, work, ports: { [port]: 8080 }, imdsPort: imds.port, dataDisk })
  try {
    await report.check('a new instance takes over the volume, grown meanwhile: identity and chain move with it', async () => {
      await vm.http(port, '/health', BOOT_TIMEOUT_MS)
      expect(/Identity of this instance/.test(await vm.sh('journalctl -u pulse-node-first-boot -o cat --no-pager')), 'it made an identity')
      expect((await getJson<Block>(port, `/v2/blocks/${height}`)).height === height, 'another chain')
      const size = Number((await vm.sh('df -m --output=size /var/lib/pulse-node | tail -1')).trim())
      expect(size > DATA_DISK_MIB * 1.5, `the file system has ${size} MiB`)
      await vm.powerOff()
      return `file system ${size} MiB`
    })
  } finally {
    await vm.kill()
  }
}
