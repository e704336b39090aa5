// Catching up: several peers at once, slow ones and liars among them, and what a quorum itself got wrong.

import t from 'tap'
import { toBin } from '../../src/base/bytes.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { encodeCertificate } from '../../src/protocol/certificate.ts'
import { encodeBlock, heartbeatName } from '../../src/protocol/block.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { leaveMessage } from '../../src/protocol/membership.ts'
import { leaveTransaction } from '../../src/protocol/transaction.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { bytesOf, digest } from './ledger-fixture.ts'
import type { ScriptedPeer, TestChain } from './sync-fixture.ts'
import { chainOf, honest, networkOf, silent, startSyncing, VALIDATORS } from './sync-fixture.ts'
import { frameOf, signerOf } from '../e2e/offline-chain.ts'

const HEAD = 60
const CHAIN = chainOf(HEAD)
/** As long, of the same validators, but other lives. */
const FORK = chainOf(HEAD)
const FOREIGN = chainOf(HEAD, { genesis: networkOf({}, 'another-net') })
const headOf = ({ blocks }: TestChain): string => blocks.at(-1)!.executed.id

/** The same peer, but the block of height h is served in another form. */
const changed = (height: number, frame: (chain: TestChain) => Uint8Array): ScriptedPeer => (first, count) =>
  CHAIN.frames.slice(first - 1, first - 1 + count).map((each, i) => (first + i === height ? frame(CHAIN) : each))

const certified = (height: number, change: (certificate: Certificate) => Certificate): ScriptedPeer =>
  changed(height, ({ blocks }) => {
    const { certificate, executed } = blocks[height - 1]!
    return frameOf(encodeCertificate(change(certificate)), encodeBlock(executed.block))
  })

t.test('ranges are fetched from several peers at once, and every heartbeat is verified', async (t) => {
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { a: honest(CHAIN), b: honest(CHAIN), c: honest(CHAIN) } })
  for (const peer of ['a', 'b', 'c']) node.sync.noteHead(peer, HEAD)
  t.ok(await node.until(() => node.height() === HEAD))
  await node.pass(200)
  t.equal(node.engine.ledger.headId, headOf(CHAIN))
  t.same([...new Set(node.requests.map(({ peer }) => peer))].sort(), ['a', 'b', 'c'], 'everybody was asked')
  t.equal(node.verified(), HEAD)
  t.same(node.reported, [])
  t.same(node.logged.map(({ message }) => message), ['Catching up', 'Caught up'])
  t.match(node.sync.status(), { syncing: false, progress: null })
})

t.test('validators of a later epoch are not known yet: the pipeline goes on over the boundaries', async (t) => {
  const genesis = networkOf({ epochBlocks: 5 })
  const chain = chainOf(40, { genesis })
  const node = startSyncing({ genesis, peers: { a: honest(chain), b: honest(chain) } })
  for (const peer of ['a', 'b']) node.sync.noteHead(peer, 40)
  t.ok(await node.until(() => node.height() === 40, 3_000))
  t.equal(node.engine.ledger.headId, headOf(chain))
  t.same(node.reported, [])
})

t.test('a validator leaves: later blocks are judged by the validators that are left', async (t) => {
  const genesis = networkOf({ epochBlocks: 5 })
  const hash = genesisHash(genesis)
  const [leaver] = VALIDATORS
  const fields = { key: toBin(rawKey(leaver!.publicKey, 'ed25519')), signedAt: 1, expiryHeight: 10 }
  const leave = leaveTransaction(hash, { ...fields, signature: signerOf(leaver!)(leaveMessage(hash, fields)) })
  const chain = chainOf(40, { genesis, transactions: (_, height) => (height === 2 ? [leave] : []) })
  const sizes = chain.blocks.map(({ certificate }) => certificate.signatures.length)
  t.same([sizes[0], sizes.at(-1)], [4, 3], 'it signs no more at the end')
  const gone = sizes.indexOf(3) + 1
  const node = startSyncing({ genesis, peers: { a: honest(chain) } })
  node.sync.noteHead('a', 40)
  t.ok(await node.until(() => node.height() === 40, 5_000))
  t.equal(node.engine.ledger.headId, headOf(chain))
  t.same([node.reported, node.failures], [[], []])

  // One of three is missing from its certificate; three of the four that there were would have been enough.
  const { executed, certificate } = chain.blocks[gone]!
  const forged = frameOf(encodeCertificate({ ...certificate, signatures: certificate.signatures.slice(0, 2) }), encodeBlock(executed.block))
  const liar: ScriptedPeer = (first, count) => chain.frames.slice(first - 1, first - 1 + count).map((frame, i) => (first + i === gone + 1 ? forged : frame))
  const wary = startSyncing({ genesis, peers: { liar } })
  wary.sync.noteHead('liar', 40)
  t.ok(await wary.until(() => wary.reported.length > 0, 5_000))
  t.same(wary.reported, [{ peer: 'liar', reason: 'bad_certificate', penalty: 100 }])
  t.ok(wary.height() <= gone)
})

t.test('a silent peer does not hold up the others: what it owes is asked for elsewhere', async (t) => {
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { mute: silent, good: honest(CHAIN) } })
  // It is asked first: it comes first, and nothing is known of either.
  node.sync.noteHead('mute', HEAD)
  await node.pass(200)
  node.sync.noteHead('good', HEAD)
  t.ok(await node.until(() => node.height() === HEAD, 10_000))
  const asked = node.requests.filter(({ first }) => first === 1).map(({ peer }) => peer)
  t.same(asked, ['mute', 'good'], 'the lowest range is asked for twice')
  t.same(node.reported, [], 'silence is charged by the network, which knows the time-out')
})

t.test('what is held and expected is bounded in bytes', async (t) => {
  const maxHeldBytes = 10 * CHAIN.frames[0]!.length
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { a: honest(CHAIN), b: honest(CHAIN) }, limits: { maxHeldBytes, answerBytes: 4 * CHAIN.frames[0]!.length } })
  for (const peer of ['a', 'b']) node.sync.noteHead(peer, HEAD)
  t.ok(await node.until(() => node.height() === HEAD))
  t.ok(node.maxHeldBytes() <= 2 * maxHeldBytes, `${node.maxHeldBytes()} of ${maxHeldBytes}`)
})

const dropSignatures = (certificate: Certificate): Certificate => ({ ...certificate, signatures: certificate.signatures.slice(0, 2) })
const forgeOne = (certificate: Certificate): Certificate => ({
  ...certificate,
  signatures: certificate.signatures.map((one, i) => (i === 1 ? { ...one, signature: bytesOf('forged', 64) } : one)),
})
/** One validator's signature in the places of three. */
const repeatOne = (certificate: Certificate): Certificate => ({
  ...certificate,
  signatures: [0, 1, 2].map((validator) => ({ validator, signature: certificate.signatures[0]!.signature })),
})

const otherBody = changed(9, ({ blocks }) => {
  const { executed, certificate } = blocks[8]!
  const { header, body } = executed.block
  return frameOf(encodeCertificate(certificate), encodeBlock({ header, body: { ...body, heartbeats: [] } }))
})
const withoutParent = changed(9, ({ blocks }) => {
  const { executed, certificate } = blocks[8]!
  const { header, body } = executed.block
  return frameOf(encodeCertificate(certificate), encodeBlock({ header, body: { ...body, parentCertificate: dropSignatures(body.parentCertificate!) } }))
})

const LIARS: Readonly<Record<string, { readonly peer: ScriptedPeer; readonly reason: string }>> = {
  'leaves out a block': { peer: (first, count) => CHAIN.frames.slice(first - 1, first + count).filter((_, i) => i !== 2), reason: 'gap_in_blocks' },
  'serves from another height': { peer: (first, count) => honest(CHAIN)(first + 1, count), reason: 'gap_in_blocks' },
  "serves another network's blocks": { peer: honest(FOREIGN), reason: 'other_chain' },
  'begins with our chain and goes on with another': { peer: (first, count) => [...CHAIN.frames.slice(0, 4), ...FORK.frames.slice(4)].slice(first - 1, first - 1 + count), reason: 'other_chain' },
  'sends more blocks than were asked for': { peer: (first, count) => honest(CHAIN)(first, count + 1), reason: 'too_many_blocks' },
  'cuts a frame off in its certificate': { peer: changed(9, ({ frames }) => frames[8]!.subarray(0, 40)), reason: 'bad_frame' },
  'cuts a frame off in its body': { peer: changed(9, ({ frames }) => frames[8]!.subarray(0, -7)), reason: 'wrong_body' },
  'sends bytes that are no frame': { peer: () => [bytesOf('garbage', 500)], reason: 'bad_frame' },
  'forges a certificate: too little power': { peer: certified(9, dropSignatures), reason: 'bad_certificate' },
  'forges a certificate: wrong signature': { peer: certified(9, forgeOne), reason: 'bad_certificate' },
  'forges a certificate: one signer, three times': { peer: certified(9, repeatOne), reason: 'bad_certificate' },
  'has a valid certificate, with another body': { peer: otherBody, reason: 'wrong_body' },
  "has a valid certificate, with another certificate of the parent": { peer: withoutParent, reason: 'wrong_body' },
}

for (const [what, { peer, reason }] of Object.entries(LIARS)) {
  t.test(`a peer that ${what} is charged; the chain comes from the others`, async (t) => {
    const node = startSyncing({ genesis: CHAIN.genesis, peers: { liar: peer, good: honest(CHAIN) } })
    node.sync.noteHead('liar', HEAD)
    await node.pass(200)
    await node.pass(200)
    node.sync.noteHead('good', HEAD)
    t.ok(await node.until(() => node.height() === HEAD))
    t.equal(node.engine.ledger.headId, headOf(CHAIN))
    t.same(node.reported, [{ peer: 'liar', reason, penalty: 100 }])
    t.same(node.failures, [])
    t.ok(node.results.includes('bad'))
  })
}

t.test('another chain that is served for later heights is found by its certificates', async (t) => {
  const peer: ScriptedPeer = (first, count) => (first > 20 ? honest(FOREIGN) : honest(CHAIN))(first, count)
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { liar: peer, good: honest(CHAIN) }, limits: { maxRange: 20 } })
  for (const name of ['good', 'liar']) node.sync.noteHead(name, HEAD)
  t.ok(await node.until(() => node.height() === HEAD))
  t.equal(node.engine.ledger.headId, headOf(CHAIN))
  t.match(node.reported, [{ peer: 'liar', reason: /^(bad_certificate|other_chain)$/ }])
})

t.test('a head that a peer claims and cannot serve is disbelieved, and charged', async (t) => {
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { liar: honest(CHAIN), good: honest(CHAIN) } })
  node.sync.noteHead('liar', 1_000_000)
  node.sync.noteHead('good', HEAD)
  t.ok(await node.until(() => node.height() === HEAD && !node.sync.status().syncing, 10_000))
  t.equal(node.sync.status().target, HEAD)
  t.ok(node.reported.length > 0 && node.reported.every((one) => one.peer === 'liar' && one.reason === 'no_blocks' && one.penalty === 25), `${node.reported.length} times`)
})

t.test('a peer that passes announcements on while it is behind itself is asked, and not charged', async (t) => {
  const behind: ScriptedPeer = (first, count) => CHAIN.frames.slice(0, 20).slice(first - 1, first - 1 + count)
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { behind, good: honest(CHAIN) } })
  node.sync.noteHead('behind', 20)
  for (let i = 0; i < 100; i++) {
    node.sync.noteAnnounced('behind', HEAD, true)
    await node.pass(200)
  }
  t.equal(node.height(), 20)
  t.ok(node.results.includes('empty'))
  t.same(node.reported, [])
  node.sync.noteHead('good', HEAD)
  t.ok(await node.until(() => node.height() === HEAD))
})

t.test('once consensus has decided a block here, a claim alone does not make this node late', async (t) => {
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { liar: silent } })
  node.decide(CHAIN.blocks[0]!)
  await node.pass(200)
  t.equal(node.height(), 1)
  node.sync.noteHead('liar', 1_000_000)
  await node.pass(5_000)
  t.equal(node.sync.status().syncing, false)
  t.ok(node.requests.length > 0, 'but it is asked')
})

t.test('a node whose last peer goes stays behind, and goes on with the next one', async (t) => {
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { a: (first, count) => (first > 16 ? silent(first, count) : honest(CHAIN)(first, count)), b: honest(CHAIN) } })
  node.sync.noteHead('a', HEAD)
  await node.until(() => node.height() === 16)
  node.sync.forget('a')
  await node.pass(5_000)
  t.match(node.sync.status(), { syncing: true, target: HEAD, progress: { bottleneck: 'network' } })
  node.sync.noteHead('b', 0)
  await node.pass(5_000)
  t.match(node.sync.status(), { syncing: true, target: HEAD }, 'one that has just started says little')
  node.sync.noteHead('b', HEAD)
  t.ok(await node.until(() => node.height() === HEAD && !node.sync.status().syncing, 5_000))
})

t.test('one block behind is everyday: it is asked for after a second', async (t) => {
  const chain = chainOf(1)
  const node = startSyncing({ genesis: chain.genesis, peers: { a: honest(chain) } })
  node.sync.noteHead('a', 1)
  for (let i = 0; i < 4; i++) await node.pass(200)
  t.same(node.requests, [])
  t.ok(await node.until(() => node.height() === 1, 2_000))
  t.same(node.logged, [], 'and nothing is said about it')
})

/** A chain of 20 blocks whose block 7 holds a heartbeat with a forged signature. */
function chainWithForgedBeat(): TestChain {
  const genesis = networkOf()
  const hash = genesisHash(genesis)
  const heartbeat = (honestly: Heartbeat, height: number): Heartbeat => {
    if (height !== 7) return honestly
    const record = honestly.record.slice()
    record.set(bytesOf('forged', 32), record.length - 64)
    return { ...honestly, record, name: heartbeatName(record, hash, digest) }
  }
  return chainOf(20, { genesis, heartbeat })
}

t.test('a quorum that certified a forged heartbeat stops the node, and no peer is blamed', async (t) => {
  const chain = chainWithForgedBeat()
  const node = startSyncing({ genesis: chain.genesis, peers: { a: honest(chain) } })
  node.sync.noteHead('a', 20)
  t.ok(await node.until(() => node.failures.length > 0))
  t.equal(node.height(), 6)
  t.match(node.failures[0], { code: 'diverged', message: /height 7, which holds a signature that does not verify/ })
  t.same(node.reported, [])
})

t.test('with --verify certificates heartbeats are trusted to the quorum, and nothing else is', async (t) => {
  const chain = chainWithForgedBeat()
  const node = startSyncing({ genesis: chain.genesis, peers: { a: honest(chain) }, mode: 'certificates' })
  node.sync.noteHead('a', 20)
  t.ok(await node.until(() => node.height() === 20))
  t.equal(node.verified(), 0)
  for (const [what, peer] of [['certificates', certified(9, forgeOne)], ['bodies', otherBody]] as const) {
    const other = startSyncing({ genesis: CHAIN.genesis, peers: { liar: peer }, mode: 'certificates' })
    other.sync.noteHead('liar', HEAD)
    await other.until(() => other.reported.length > 0, 3_000)
    t.match(other.reported, [{ peer: 'liar', penalty: 100 }], `${what} are checked`)
    t.ok(other.height() < 9)
  }
})

for (const mode of ['full', 'certificates'] as const) {
  t.test(`a certified state that does not follow is found by executing (${mode})`, async (t) => {
    const chain = chainOf(8, { header: (header, height) => (height === 8 ? { ...header, stateRoot: toBin(bytesOf('state', 32)) } : header) })
    const node = startSyncing({ genesis: chain.genesis, peers: { a: honest(chain) }, mode })
    node.sync.noteHead('a', 8)
    let error: unknown
    process.once('uncaughtException', (thrown) => (error = thrown))
    process.once('unhandledRejection', (thrown) => (error = thrown))
    await node.until(() => error !== undefined, 3_000).catch((thrown: unknown) => (error = thrown))
    t.match(error, { message: 'diverged at height 8' })
    t.equal(node.height(), 7)
  })
}

t.test('progress tells the rate, the time to go and what it waits for', async (t) => {
  let open = false
  const gate: ScriptedPeer = async (first, count) => {
    while (!open) await new Promise((resolve) => setImmediate(resolve))
    return honest(CHAIN)(first, count)
  }
  const node = startSyncing({ genesis: CHAIN.genesis, peers: { a: gate } })
  node.sync.noteHead('a', HEAD)
  for (let i = 0; i < 60; i++) await node.pass(200)
  t.match(node.sync.status(), { syncing: true, target: HEAD, progress: { blocksPerS: 0, etaS: null, bottleneck: 'network' } })
  t.match(node.logged.at(-1), { message: 'Catching up', fields: { height: 0, target: HEAD, bottleneck: 'network' } }, 'one line in ten seconds')
  t.equal(node.logged.length, 2)
  open = true
  await node.until(() => node.height() > 0)
  const { progress } = node.sync.status()
  t.ok(progress === null || (progress.blocksPerS > 0 && progress.etaS !== null))
  t.ok(await node.until(() => node.height() === HEAD))
  t.ok(node.waited['network']! > 11, 'seconds by stage')
})
