// `peers`: who is connected, by the API; `peers bans|why|ban|unban` by the socket in the data directory.

import type { Command } from 'commander'
import type { PeerView } from '../../api/backend.ts'
import { nodeKeyOfPeer } from '../../crypto/peer-id.ts'
import { Failure } from '../../ops/failure.ts'
import type { AdminClient } from '../admin.ts'
import type { Cli, Run } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addClientFlags, addSettingFlags, configOf, integerFlag } from '../flags.ts'
import { record, rows, timeText } from '../output.ts'

const DEFAULT_BAN_S = 24 * 3_600
const DEFAULT_REASON = 'by the operator'
/** All ids begin alike: people know them by their ends. */
const SHORT_LENGTH = 8
const MIN_ENDING_LENGTH = 6

export function registerPeers(program: Command, cli: Cli): void {
  const peers = program
    .command('peers')
    .summary('show the connected peers; ban and unban')
    .description('Show the peers that a node is connected to.')
    .helpCommand(false)
    .addHelpText('after', '\nExamples:\n  $ pulse-node peers\n  $ pulse-node peers why 5f6DQmLx\n  $ pulse-node peers --json')
  action(addClientFlags(peers), cli, async (run) => {
    const client = await clientOf(run)
    const connected = await client.peers()
    run.print({ url: client.url, peers: connected }, () => peerTable(connected))
  })
  registerBans(peers, cli)
  registerWhy(peers, cli)
  registerBan(peers, cli)
  registerUnban(peers, cli)
}

function registerBans(peers: Command, cli: Cli): void {
  const command = peers
    .command('bans')
    .description('Show which peers are banned, until when, and why.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node peers bans')
  administration(command, cli, async (run, admin) => {
    const { bans } = await admin.peers()
    run.print({ bans }, () =>
      bans.length === 0 ? 'No peer is banned.\n' : rows(['peer', 'until (UTC)', 'reason'], bans.map(({ peer, untilMs, reason }) => [shortId(peer), timeText(untilMs), reason])),
    )
  })
}

function registerWhy(peers: Command, cli: Cli): void {
  const command = aboutPeer(peers.command('why'))
    .description('Show what is known against a peer, connected or not.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node peers why 5f6DQmLx')
  administration(command, cli, async (run, admin, id) => {
    const peer = await peerIdOf(admin, id)
    const reasons = await admin.why(peer)
    run.print({ id: peer, reasons }, () => record([['peer', peer], ...lines('reasons', reasons)]))
  })
}

function registerBan(peers: Command, cli: Cli): void {
  const command = aboutPeer(peers.command('ban'))
    .description('Hang up on a peer, and neither dial it nor let it in for a while.')
    .option('--seconds <n>', `for so long (default: ${DEFAULT_BAN_S}, a day)`)
    .option('--reason <text>', `up to 64 characters (default: "${DEFAULT_REASON}")`)
    .addHelpText('after', '\nExamples:\n  $ pulse-node peers ban 5f6DQmLx --seconds 3600 --reason "too loud"')
  administration(command, cli, async (run, admin, id) => {
    const { MAX_BAN_SECONDS } = await import('../../ops/admin.ts')
    const seconds = integerFlag(run.options, '--seconds', 1, MAX_BAN_SECONDS) ?? DEFAULT_BAN_S
    const reason = textOption(run.options, 'reason') ?? DEFAULT_REASON
    const peer = await peerIdOf(admin, id)
    await admin.ban(peer, seconds, reason)
    run.print({ id: peer, seconds, reason }, () => record([['banned', peer], ['for', `${seconds} s`], ['reason', reason]]))
  })
}

function registerUnban(peers: Command, cli: Cli): void {
  const command = aboutPeer(peers.command('unban'))
    .description('End the ban of a peer, and forget its score.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node peers unban 5f6DQmLx')
  administration(command, cli, async (run, admin, id) => {
    const peer = await peerIdOf(admin, id)
    const unbanned = await admin.unban(peer)
    run.print({ id: peer, unbanned }, () => `${peer} ${unbanned ? 'is no longer' : 'was not'} banned.\n`)
  })
}

const aboutPeer = (command: Command): Command => command.argument('<id>', `peer id, or its last ${MIN_ENDING_LENGTH} characters or more`)

/** Makes `act` the action of a command that speaks to the node's own socket. */
function administration(command: Command, cli: Cli, act: (run: Run, admin: AdminClient, id: string) => Promise<void>): void {
  action(addSettingFlags(command, ['dataDir']), cli, async (run, id = '') => {
    if (textOption(run.options, 'url') !== undefined) {
      throw new Failure('usage', 'Administration goes by the data directory, not by --url', 'Run it on the machine of the node, with --data-dir.')
    }
    const { createAdminClient } = await import('../admin.ts')
    await act(run, createAdminClient(configOf(run).config.dataDir), id)
  })
}

/** The whole id of what was typed: it need not be connected, but an ending must be that of one peer that the node knows. */
async function peerIdOf(admin: AdminClient, typed: string): Promise<string> {
  if (nodeKeyOfPeer(typed) !== null) return typed
  // As the table shows it.
  const ending = typed.replace(/^…/, '')
  if (ending.length < MIN_ENDING_LENGTH) throw new Failure('usage', `"${typed}" is no peer id`, 'Give the id, or its end, as pulse-node peers shows it.')
  const { peers, bans } = await admin.peers()
  const known = new Set([...peers.map(({ id }) => id), ...bans.map(({ peer }) => peer)])
  const [found, ...more] = [...known].filter((id) => id.endsWith(ending))
  if (found !== undefined && more.length === 0) return found
  throw new Failure('refused', `${found === undefined ? 'No peer' : 'More than one peer'} ends in "${ending}"`, 'Give the whole id: see pulse-node peers --json.')
}

const shortId = (id: string): string => `…${id.slice(-SHORT_LENGTH)}`

function peerTable(peers: readonly PeerView[]): string {
  if (peers.length === 0) return 'No peer is connected.\n'
  const body = peers.map(({ id, direction, height, score, latencyMs, connectedMs, address }) => [
    shortId(id),
    direction === 'inbound' ? 'in' : 'out',
    height,
    Math.round(score),
    latencyMs === null ? '–' : `${Math.round(latencyMs)} ms`,
    spanText(connectedMs),
    address.replace(/\/p2p\/.*$/, ''),
  ])
  return rows(['peer', 'dir', 'height', 'score', 'latency', 'since', 'address'], body)
}

/** `59 s`, `59 min`, `23 h`, `12 d` */
function spanText(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

/** The name stands before the first only. */
const lines = (name: string, texts: readonly string[]): [string, string][] =>
  texts.length === 0 ? [[name, 'none']] : texts.map((text, i) => [i === 0 ? name : '', text])
