// Three instances from one image: each makes its own identity, one is misconfigured first, then they form a network.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FakeImds } from '../../unit/fake-imds.ts'
import type { Bench } from '../full.ts'
import { eventually, expect, run } from '../tools.ts'
import type { Block } from './nodes.ts'
import { beat, blockFrom, bootAgain, BOOT_TIMEOUT_MS, freePorts, getJson, metadataOf, STEP_TIMEOUT_MS } from './nodes.ts'
import type { Vm } from './vm.ts'
import { HOST_ADDRESS, newDisk, powerOn } from './vm.ts'

const GENESIS_PATH = '/etc/pulse-node/genesis.json'
const NAMES = ['b', 'c', 'd'] as const

interface Member {
  readonly vm: Vm
  readonly imds: FakeImds
  readonly port: number
  /** What its user-data says in the end. */
  readonly userData: object
  /** Keys, as `pulse-node genesis` takes them. */
  validator: string
}

export async function checkThree(bench: Bench): Promise<void> {
  const { report, work, image } = bench
  const ports = await freePorts(6)
  const foreign = join(work, 'foreign.raw')
  await run('truncate', ['-s', '64M', foreign])
  await run('mkfs.ext4', ['-q', '-L', 'photos', foreign])
  const members: Member[] = []
  for (const [i, name] of NAMES.entries()) {
    const [port, p2pPort] = [ports[i]!, ports[i + 3]!]
    // Where the first one listens is known before its key is: seeds need no peer id.
    const seeds = i === 0 ? [] : [`/ip4/${HOST_ADDRESS}/tcp/${ports[3]}`]
    const userData = { p2pPort, seeds, instance: { genesis: { path: GENESIS_PATH } } }
    const imds = await metadataOf(`i-${name}`, i === 2 ? { ...userData, prot: 9000 } : userData)
    await newDisk({ work, name, image })
    const vm = powerOn({ name, work, ports: { [port]: 8080, [p2pPort]: p2pPort }, imdsPort: imds.port, cpus: 1, ...(i === 2 ? { dataDisk: foreign } : {}) })
    members.push({ vm, imds, port, userData, validator: '' })
  }
  try {
    await checkIdentities(bench, members)
    await checkWrongInput(bench, members[2]!, ports[4]!)
    await checkNetwork(bench, members)
  } catch (error) {
    await report.check('three instances', () => Promise.reject(error instanceof Error ? error : new Error(String(error))))
  } finally {
    for (const { vm, imds } of members) {
      await vm.kill()
      await imds.close()
    }
  }
}

/** Until first boot has ended, well or not. */
const firstBootEnds = (vm: Vm): Promise<string> =>
  eventually(`${vm.name}: first boot ends`, BOOT_TIMEOUT_MS, async () => {
    const { out } = await vm.shell('systemctl is-active pulse-node-first-boot', BOOT_TIMEOUT_MS)
    return /^(active|failed)$/.test(out.trim()) ? out.trim() : null
  }, 2_000)

async function checkIdentities({ report }: Bench, members: readonly Member[]): Promise<void> {
  const [b, c, d] = members as [Member, Member, Member]
  await report.check('instances of one image: each makes an identity of its own, and tells its keys on the console', async () => {
    for (const member of [b, c]) {
      await firstBootEnds(member.vm)
      member.validator = /Made the identity of this instance: validator (\S+) peer/.exec(member.vm.console())?.[1] ?? ''
      expect(member.validator !== '', `${member.vm.name}: ${member.vm.console().slice(-2_000)}`)
      expect(/Cannot read \/etc\/pulse-node\/genesis\.json \(ENOENT\)/.test(member.vm.console()), 'it waits for its genesis')
    }
    expect(b.validator !== c.validator, 'two instances have one identity')
    const ids = await Promise.all([b, c].map(({ vm }) => vm.sh('cat /etc/machine-id')))
    expect(ids[0] !== ids[1], 'two instances have one machine id')
    return b.validator.slice(0, 16)
  })
  await report.check('wrong configuration: unit failed, one line on console and in journal, with cause and remedy', async () => {
    expect((await firstBootEnds(d.vm)) === 'failed', 'first boot did not fail')
    const line = 'pulse-node: Unknown key "prot" (user-data). Did you mean port? (config)'
    expect(d.vm.console().includes(line), d.vm.console().slice(-2_000))
    expect((await d.vm.sh('journalctl -u pulse-node-first-boot -o cat --no-pager')).includes(line), 'the journal lacks the line')
    expect((await d.vm.shell('systemctl is-active pulse-node')).out.trim() === 'inactive', 'the node runs')
    expect((await d.vm.sh('ls -A /var/lib/pulse-node')).trim() === '', 'something was made')
    return line
  })
}

async function checkWrongInput({ report }: Bench, { vm, imds, userData }: Member, otherPort: number): Promise<void> {
  const good = { ...userData }
  const cases: { readonly name: string; readonly data?: unknown; readonly mood?: FakeImds['mood']; readonly before?: string; readonly after?: () => string; readonly line: RegExp }[] = [
    { name: 'user-data that is no JSON', data: '{"port": 80', line: /user-data is not JSON.*\(config\)$/ },
    { name: 'a seed that is no multiaddr', data: { ...good, seeds: [`${HOST_ADDRESS}:${otherPort}`] }, line: /seeds is .*an address like \/dns4.*\(config\)$/ },
    { name: 'a data volume with a foreign file system', data: { ...good, instance: { ...(good as { instance: object }).instance, dataVolume: 'auto' } }, line: /The disk \/dev\/vdb holds a file system that is not labelled pulse-data: it is not formatted.*\(config\)$/ },
    { name: 'a metadata service that answers rubbish', mood: 'rubbish', line: /answers rubbish for api\/token.*\(unreachable\)$/ },
    { name: 'a clock that is years off', before: 'systemctl stop chrony; date -s 2019-03-01', after: () => `date -s @${Math.ceil(Date.now() / 1_000)}; systemctl start chrony`, line: /The clock is \d+ s behind that of the metadata service.*\(config\)$/ },
    { name: 'no disk space', before: 'fallocate -l $(( $(df --output=avail -B1 /var/lib/pulse-node | tail -1) - 20000000 )) /var/tmp/full', after: () => 'rm -f /var/tmp/full', line: /Only \d+ MiB are free.*\(storage\)$/ },
  ]
  for (const { name, data = good, mood = 'well', before, after, line } of cases) {
    await report.check(`refused with cause and remedy: ${name}`, async () => {
      imds.instance.userData = typeof data === 'string' ? data : JSON.stringify(data)
      imds.mood = mood
      if (before !== undefined) await vm.sh(before)
      try {
        const { failed, line: said } = await bootAgain(vm)
        expect(failed && line.test(said), said)
        return said.slice(0, 70)
      } finally {
        imds.mood = 'well'
        if (after !== undefined) await vm.sh(after())
      }
    })
  }
  await report.check('the foreign disk is as it was', async () => {
    expect((await vm.sh('blkid -o value -s LABEL /dev/vdb')).trim() === 'photos', 'it was changed')
  })
}

async function checkNetwork({ report, work, cli }: Bench, members: readonly Member[]): Promise<void> {
  const last = members[2]!
  const told = await report.check('after correction the third makes its identity, too', async () => {
    last.imds.instance.userData = JSON.stringify(last.userData)
    const { line } = await bootAgain(last.vm)
    last.validator = /identity of this instance: validator (\S+) peer/i.exec(await last.vm.sh('journalctl -u pulse-node-first-boot -o cat --no-pager | grep -i "identity of this instance" | tail -1'))?.[1] ?? ''
    expect(last.validator !== '', line)
  })
  if (!told) return
  const formed = await report.check('three instances: a genesis from their keys, joined by the seed', async () => {
    const genesis = await run(cli, ['genesis', '--network', 'three', '--interval', '3000', ...members.flatMap(({ validator }) => ['--validator', validator])])
    writeFileSync(join(work, 'genesis.json'), genesis)
    const code = Buffer.from(genesis).toString('base64')
    for (const { vm } of members) {
      await vm.sh(`echo ${code} | base64 -d > ${GENESIS_PATH}; systemctl restart pulse-node-first-boot && systemctl start --no-block pulse-node`, STEP_TIMEOUT_MS)
    }
    const counts = await Promise.all(
      members.map(async ({ vm, port }) => {
        await vm.http(port, '/health', STEP_TIMEOUT_MS)
        return eventually(`${vm.name} has two peers`, STEP_TIMEOUT_MS, async () => {
          const { peers } = await getJson<{ peers: number }>(port, '/status').catch(() => ({ peers: 0 }))
          return peers >= 2 ? peers : null
        }, 500)
      }),
    )
    return `peers ${counts.join(', ')}`
  })
  if (!formed) return
  await report.check('three instances finalise: heartbeats at each, the same blocks at all, signed by more than two thirds', async () => {
    let height = 0
    for (const [round, { port }] of members.entries()) {
      await beat(cli, port, join(work, `three-${round}.key`))
      height = (await blockFrom(port, height + 1)).height
    }
    const blocks = await Promise.all(members.map(async ({ port }) => {
      await blockFrom(port, height)
      return getJson<Block>(port, `/v2/blocks/${height}`)
    }))
    expect(new Set(blocks.map(({ id }) => id)).size === 1, `height ${height}: ${blocks.map(({ id }) => id.slice(0, 12)).join(', ')}`)
    const signatures = blocks.map(({ certificate }) => certificate?.signatures ?? 0)
    expect(Math.max(...signatures) === 3, `signatures: ${signatures.join(', ')}`)
    return `height ${height}, block ${blocks[0]!.id.slice(0, 12)}, ${signatures.join('/')} signatures`
  })
}
