// What the tests ask of a node that runs in a virtual machine.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { FakeImds } from '../../unit/fake-imds.ts'
import { startFakeImds } from '../../unit/fake-imds.ts'
import { attempt, eventually, expect } from '../tools.ts'
import type { Vm } from './vm.ts'
import { HOST_ADDRESS } from './vm.ts'

/** Emulated machines are slow, and the machine that emulates them may have other things to do. */
export const BOOT_TIMEOUT_MS = 900_000
export const STEP_TIMEOUT_MS = 300_000

export interface Block {
  readonly height: number
  readonly id: string
  readonly heartbeats: number
  readonly certificate: { readonly signatures: number } | null
}

export const getJson = async <T>(port: number, path: string): Promise<T> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(20_000) })
  expect(response.ok, `${path}: HTTP ${response.status}`)
  return (await response.json()) as T
}

/** Sends one heartbeat of a new device from this machine. */
export async function beat(cli: string, port: number, key: string): Promise<void> {
  await attempt(cli, ['device', 'new', key])
  const { code, err } = await attempt(cli, ['device', 'beat', '--key', key, '--url', `http://127.0.0.1:${port}`])
  expect(code === 0, `the heartbeat was refused: ${err}`)
}

/** @returns the latest block at or above a height */
export async function blockFrom(port: number, height: number, timeoutMs = STEP_TIMEOUT_MS): Promise<Block> {
  return eventually(`block ${height} is committed`, timeoutMs, async () => {
    const block = await getJson<Block>(port, '/v2/blocks/latest').catch(() => null)
    return block !== null && block.height >= height ? block : null
  }, 250)
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
      const server = createServer()
      server.listen(0, '127.0.0.1', () => resolve(server))
    })),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** The metadata of an instance; its public address leads to this machine's ports. */
export function metadataOf(instanceId: string, userData: unknown): Promise<FakeImds> {
  const mac = '52:54:00:12:34:56'
  return startFakeImds({
    instanceId,
    values: {
      'meta-data/mac': mac,
      [`meta-data/network/interfaces/macs/${mac}/device-number`]: '0',
      'meta-data/local-ipv4': '169.254.0.15',
      'meta-data/public-ipv4': HOST_ADDRESS,
    },
    userData: JSON.stringify(userData),
  })
}

/** Runs first boot again, and says how it ended. */
export async function bootAgain(vm: Vm): Promise<{ readonly failed: boolean; readonly line: string }> {
  await vm.shell('systemctl stop pulse-node; systemctl reset-failed; systemctl restart pulse-node-first-boot', STEP_TIMEOUT_MS)
  const state = (await vm.shell('systemctl is-active pulse-node-first-boot')).out.trim()
  const line = await vm.sh('journalctl -t pulse-node-first-boot -o cat --no-pager | tail -1')
  return { failed: state === 'failed', line: line.trim() }
}
