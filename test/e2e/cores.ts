// Several cores in one process, joined by an in-memory network that loses messages: everything of many nodes but libp2p.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BlockView } from '../../src/api/backend.ts'
import { toBin } from '../../src/base/bytes.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import type { Core } from '../../src/node/core.ts'
import { createCore } from '../../src/node/core.ts'
import type { PeerPort } from '../../src/node/peer-port.ts'
import { createDataDir } from '../../src/ops/datadir.ts'
import { writeKeyFile } from '../../src/ops/keyfile.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import type { Config } from '../../src/ops/settings.ts'
import { configWith } from '../../src/ops/settings.ts'
import { createSigner } from '../../src/ops/signer.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { GENESIS_VERSION, genesisToJson } from '../../src/protocol/genesis.ts'
import type { Params } from '../../src/protocol/params.ts'
import { DEVELOPMENT_PARAMS } from '../../src/protocol/params.ts'

export interface Member {
  readonly name: string
  readonly dir: string
  readonly blocks: BlockView[]
  core: Core | null
}

export interface Cluster {
  readonly genesis: Genesis
  readonly members: readonly Member[]
  /** Members that reach each other; all by default. */
  partition(groups: readonly (readonly number[])[]): void
  /** Share of gossip messages that are lost. */
  loss: number
  start(index: number): Promise<void>
  stop(index: number): Promise<void>
  close(): Promise<void>
}

export interface ClusterOptions {
  readonly powers: readonly number[]
  readonly params?: Partial<Params>
  /** Of the genesis; a minute ago by default. */
  readonly timeMs?: number
  readonly config?: Partial<Config>
  readonly random: () => number
}

const idOf = (keys: KeyPair): string => toBin(rawKey(keys.publicKey, 'ed25519'))

export function createCluster({ powers, params = {}, timeMs = Date.now() - 60_000, config = {}, random }: ClusterOptions): Cluster {
  const root = mkdtempSync(join(tmpdir(), 'pulse-cores-'))
  const keys = powers.map(() => ({ node: generateKeyPair('ed25519'), validator: generateKeyPair('ed25519') }))
  const genesis: Genesis = {
    version: GENESIS_VERSION,
    network: 'pulse-cores',
    timeMs,
    params: { ...DEVELOPMENT_PARAMS, blockIntervalMs: 200, timeoutProposeMs: 300, timeoutProposeDeltaMs: 150, timeoutVoteMs: 150, timeoutVoteDeltaMs: 75, ...params },
    validators: keys
      .map(({ node, validator }, i) => ({ key: idOf(validator), nodeKey: idOf(node), power: powers[i]! }))
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
    registrars: [],
    enrolled: [],
  }
  const members = keys.map(({ node, validator }, i): Member => {
    const paths = createDataDir(join(root, `node${i}`))
    writeKeyFile(paths.nodeKey, node)
    writeKeyFile(paths.validatorKey, validator)
    createSigner({ keys: validator, path: paths.lastSigned, initialise: true })
    writeFileSync(paths.genesis, genesisToJson(genesis))
    return { name: peerIdOf(rawKey(node.publicKey, 'ed25519')), dir: paths.root, blocks: [], core: null }
  })
  let group = members.map(() => 0)
  const reaches = (a: number, b: number): boolean => a !== b && group[a] === group[b] && members[a]!.core !== null && members[b]!.core !== null

  const portOf = (self: number): PeerPort => ({
    publish(topic, data) {
      members.forEach(({ core }, other) => {
        if (reaches(self, other) && random() >= cluster.loss) setTimeout(() => void core!.gossip(topic, data.slice(), members[self]!.name).catch(() => {}), 1 + random() * 10)
      })
    },
    async request(peer, protocol, data) {
      const other = members.findIndex(({ name }) => name === peer)
      if (!reaches(self, other)) throw new Error('unreachable')
      const answer = await members[other]!.core!.peerRequest(protocol, data.slice())
      if (answer === null) throw new Error('refused')
      return answer.map((frame) => frame.slice())
    },
    report: () => {},
  })

  /** What the handshake of the network would tell. */
  function greet(): void {
    members.forEach((a, i) =>
      members.forEach((b, j) => {
        if (i === j || a.core === null) return
        if (reaches(i, j)) a.core.peerStatus(b.name, { height: b.blocks.at(-1)?.height ?? 0, headId: new Uint8Array(32) })
        else a.core.peerGone(b.name)
      }),
    )
  }
  const greeting = setInterval(greet, 250)

  const cluster: Cluster = {
    genesis,
    members,
    loss: 0,
    partition(groups) {
      group = members.map((_, i) => groups.findIndex((each) => each.includes(i)))
      greet()
    },
    async start(index) {
      const member = members[index]!
      const options = { paths: createDataDir(member.dir), genesis, config: configWith({ verifyThreads: 1, ...config }) }
      const events = {
        committed: (block: BlockView) => void member.blocks.push(block),
        failed(error: unknown): void {
          throw error
        },
      }
      member.core = await createCore(options, silentLogger(), events, undefined, portOf(index))
      greet()
    },
    async stop(index) {
      const { core } = members[index]!
      members[index]!.core = null
      await core?.stop()
      greet()
    },
    async close() {
      clearInterval(greeting)
      await Promise.all(members.map((_, i) => this.stop(i)))
      rmSync(root, { recursive: true })
    },
  }
  return cluster
}
