// A check that cannot fail is a defect: rules are broken on purpose, one at a time, and the checker must find out.

import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { ViolationKind } from '../../src/sim/checker.ts'
import type { Change, MutantFinding, MutantOrder } from './mutant.ts'

// Many simulations: minutes on a busy machine.
t.setTimeout(600_000)

interface Mutant {
  readonly desc: string
  readonly changes: readonly Change[]
  /** What the checker may say first. */
  readonly caughtAs: readonly ViolationKind[]
  /** Honest validators; 4 if left out. */
  readonly nodes?: number
}

const change = (file: string, find: string, replace: string): Change => ({ file, find, replace })

/** A mutant that survives this many seeds has not been caught. */
const MAX_SEEDS = 150

const forgetfulSigner = change('sim/node.ts', 'this.wal.crash()', 'this.wal.crash(); (this as any).signer = new MemorySigner(this.key)')
/** The ledger checks the sum of balances itself; here the checker is to find out. */
const trustingLedger = change('ledger/execute.ts', "assert(draft.balanceChange() === minted, 'the balances grow by what is minted')", '')
const lossyLog = change('sim/disk.ts', '  crash(): void {\n', '  crash(): void {\n    this.#flushed = []\n')

const consensus: readonly Mutant[] = [
  {
    desc: 'half of the power counts as a quorum',
    changes: [change('protocol/validators.ts', '3 * power > 2 * total', '2 * power > total')],
    caughtAs: ['precommit', 'certificate', 'lock', 'agreement'],
  },
  {
    desc: 'nobody locks',
    changes: [
      change('consensus/round-machine.ts', 's.lockedValue = v // L38', ''),
      change('consensus/round-machine.ts', 's.lockedRound = s.round // L39', ''),
      change('consensus/round-machine.ts', '  s.lockedRound = round\n  s.lockedValue = blockId\n', ''),
    ],
    caughtAs: ['lock', 'agreement'],
  },
  {
    desc: 'who is locked prevotes other blocks',
    changes: [change('consensus/round-machine.ts', '(s.lockedValue === v || (s.lockedRound === -1 && around.judge.acceptable(proposal)))', 'around.judge.acceptable(proposal)')],
    caughtAs: ['lock', 'agreement'],
  },
  {
    desc: 'a quorum that is shown is not looked at, so that an equivocator can hide one for ever',
    changes: [change('consensus/consensus.ts', 'const quorum = quorumFrom(state.votes, votes)\n  if (quorum === null || hasQ', 'const quorum = quorumFrom(state.votes, [])\n  if (quorum === null || hasQ')],
    caughtAs: ['stall'],
  },
  {
    desc: 'a block that is handed over needs no quorum',
    changes: [change('engine/step.ts', '!hasQuorum(certificate, engine.ledger.validators) || ', '')],
    caughtAs: ['certificate'],
  },
  {
    desc: 'another body under a block id condemns the id',
    changes: [change('engine/height.ts', 'return headerId(header) === id && ', 'return true || ')],
    caughtAs: ['stall', 'exception'],
  },
  {
    desc: 'the turn to propose does not move on',
    changes: [change('ledger/execute.ts', 'rotate(ledger.validators, ledger.priorities, 1).priorities', 'ledger.priorities')],
    caughtAs: ['turn'],
  },
]

const crashes: readonly Mutant[] = [
  { desc: 'the log is lost, and the signer forgets what it signed', changes: [lossyLog, forgetfulSigner], caughtAs: ['double-sign', 'backwards', 'lock'] },
  {
    desc: 'signatures leave before the log is flushed, and the signer forgets what it signed',
    changes: [forgetfulSigner, change('sim/node.ts', '    this.wal.flush()\n    this.#moment()\n    const signature', '    this.#moment()\n    const signature')],
    caughtAs: ['double-sign', 'backwards', 'lock'],
  },
  { desc: 'the log is lost with all locks in it', changes: [lossyLog], caughtAs: ['lock', 'stall', 'precommit'] },
  { desc: 'the log is not replayed', changes: [change('sim/disk.ts', 'height === this.#height ? [...this.#flushed] : []', '[]')], caughtAs: ['replay', 'lock', 'stall'] },
  { desc: 'votes are not logged', changes: [change('engine/height.ts', "logged(engine, { kind: 'vote', vote }, effects)", '')], caughtAs: ['replay', 'lock', 'stall'] },
  { desc: 'timeouts are not logged', changes: [change('engine/step.ts', "logged(engine, { kind: 'timer', timer }, effects)", '')], caughtAs: ['replay', 'lock', 'stall'] },
  {
    // Among others a node that comes back signs nothing before it has heard them.
    desc: 'in a network of one, what is signed after a replay comes back before the engine logs again',
    nodes: 1,
    changes: [
      change('engine/replay.ts', "for (const effect of step(engine, { kind: 'start' }, nowMs)) effects.push({ effect, nowMs })", ''),
      change('sim/node.ts', 'this.#carryOut(effect, nowMs)\n      this.#drain()', "this.#carryOut(effect, nowMs)\n      this.#queue.push({ kind: 'start' })\n      this.#drain()"),
    ],
    caughtAs: ['replay'],
  },
]

const ledger: readonly Mutant[] = [
  { desc: 'the remainder of a split is lost', changes: [trustingLedger, change('ledger/reward.ts', 'i < Number(left)', 'i < 0')], caughtAs: ['balance'] },
  { desc: 'the remainder of a split is lost, and the ledger looks', changes: [change('ledger/reward.ts', 'i < Number(left)', 'i < 0')], caughtAs: ['exception'] },
  { desc: 'the reward is halved one block late', changes: [change('ledger/reward.ts', 'Math.floor(height / params', 'Math.floor((height - 1) / params')], caughtAs: ['balance'] },
  {
    desc: 'a transfer to oneself makes money',
    changes: [
      trustingLedger,
      change(
        'ledger/execute.ts',
        'balanceOf(draft.bytes, recipient) + transfer.amount',
        '(recipient === sender ? balance : balanceOf(draft.bytes, recipient)) + transfer.amount',
      ),
    ],
    caughtAs: ['balance'],
  },
  { desc: 'nonces do not matter', changes: [change('ledger/execute.ts', 'transfer.nonce !== nonce', 'false')], caughtAs: ['transfer'] },
  { desc: 'more can be spent than is there', changes: [trustingLedger, change('ledger/execute.ts', 'transfer.amount > balance', 'false')], caughtAs: ['transfer'] },
  { desc: 'transfers do not expire', changes: [change('ledger/execute.ts', 'transfer.expiryHeight < height', 'false')], caughtAs: ['transfer'] },
  { desc: 'any number of accounts can be opened', changes: [change('ledger/execute.ts', 'creations >= params.maxCreations', 'false')], caughtAs: ['transfer'] },
  { desc: 'a sequence can be used again', changes: [change('ledger/admit.ts', 'heartbeat.sequence <= lastSequence(records, at)', 'false')], caughtAs: ['heartbeat'] },
  { desc: 'a streak never ends', changes: [change('ledger/execute.ts', 'activeMs - lastActiveMs(records, at) <= gapMs', 'true')], caughtAs: ['header'] },
  { desc: 'blocks need no lives', changes: [change('ledger/execute.ts', 'content.shares.length >= ledger.params.threshold', 'true')], caughtAs: ['header'] },
  { desc: 'blocks need no interval', changes: [change('ledger/blocks.ts', 'ledger.timestampMs + ledger.params.blockIntervalMs', 'ledger.timestampMs + 1')], caughtAs: ['timestamp'] },
]

const governance: readonly Mutant[] = [
  { desc: 'a proposer may leave out what it likes', changes: [change('engine/duty.ts', 'if (header.proposer === engine.self || ', 'if (true || ')], caughtAs: ['omission'] },
  { desc: 'a restored node signs as soon as it has caught up', changes: [change('engine/caution.ts', 'const reaches = !caution.doubted &&', 'const reaches = true ||')], caughtAs: ['double-sign', 'backwards', 'lock', 'precommit'] },
  { desc: 'a restored node signs before it has caught up', changes: [change('engine/caution.ts', 'if (!hasCaughtUp(engine)) return false', '')], caughtAs: ['double-sign', 'backwards', 'lock', 'precommit'] },
  { desc: 'who signs twice keeps its power', changes: [change('ledger/epoch.ts', ' && !governance.barred.includes(member.key)', '')], caughtAs: ['power'] },
  { desc: 'who was barred may join again', changes: [change('ledger/govern.ts', "if (barred.includes(key)) return err('barred')", '')], caughtAs: ['governance'] },
  { desc: 'a strange registrar enrols', changes: [change('ledger/govern.ts', "if (known === undefined) return err('not_registrar')", 'if (known === undefined) return ok({ governance, enrols: devices.filter((device) => !isEnrolled(device)) })')], caughtAs: ['governance'] },
  { desc: 'lives that are not enrolled beat', changes: [change('ledger/admit.ts', "return params.enrolled && !isEnrolled(records, at) ? 'not_enrolled' : null", 'return null')], caughtAs: ['heartbeat'] },
  { desc: 'a life counts in any quarter', changes: [change('ledger/life-count.ts', 'const ALL_QUARTERS = 0b1111', 'const ALL_QUARTERS = 0b0001')], caughtAs: ['power'] },
  { desc: 'absent validators have life power', changes: [change('ledger/epoch.ts', '3 * epoch.signed[index]! >= 2 * (height - epoch.start - 1)', 'true')], caughtAs: ['power'] },
  { desc: 'half of the power may move', changes: [change('ledger/power.ts', 'power)) / 3)', 'power)) / 2)')], caughtAs: ['power'] },
  { desc: 'life power may be three times the base', changes: [change('ledger/power.ts', 'life > 2 * base ? share(claim.life, 2 * base, life)', 'life > 3 * base ? share(claim.life, 3 * base, life)')], caughtAs: ['power'] },
  { desc: 'who joins is not set back', changes: [change('ledger/epoch.ts', '-(total + Math.floor(total / 8))', '0')], caughtAs: ['turn'] },
  { desc: 'the certificate of the last epoch is judged by the new validators', changes: [change('engine/height.ts', 'hasQuorum(certificate, headValidators(engine.ledger))', 'hasQuorum(certificate, engine.ledger.validators)')], caughtAs: ['stall', 'exception', 'replay'] },
  { desc: 'parameters take effect at once', changes: [change('ledger/govern.ts', 'return changed({ ...governance, change: { activationHeight, params } })', 'return changed({ ...governance, change: { activationHeight: 0, params } })')], caughtAs: ['power', 'header', 'balance', 'transfer'] },
]

function hunt({ changes, nodes }: Pick<Mutant, 'changes' | 'nodes'>): Promise<MutantFinding | null> {
  const order: MutantOrder = { changes, firstSeed: 1, seeds: MAX_SEEDS, ...(nodes === undefined ? {} : { nodes }) }
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./mutant.ts', import.meta.url), { workerData: order })
    worker.on('message', resolve)
    worker.on('error', reject)
  })
}

for (const [where, mutants] of Object.entries({ consensus, crashes, ledger, governance })) {
  t.test(`the checker finds out when a rule is broken: ${where}`, async (t) => {
    for (const { desc, caughtAs, ...mutant } of mutants) {
      const finding = await hunt(mutant)
      t.ok(finding !== null && (caughtAs as readonly string[]).includes(finding.kind), `${desc}: ${finding?.kind ?? 'not found'} (seed ${finding?.seed ?? '-'})`, { finding, caughtAs })
    }
  })
}

t.test('a change that no longer fits the source is an error, not a mutant that survives', async (t) => {
  await t.rejects(hunt({ changes: [change('engine/step.ts', 'no such text', '')] }), /does not hold exactly once/)
})

t.test('an unchanged source survives', async (t) => {
  const nothing = change('engine/step.ts', 'case \'decided\':', 'case \'decided\':')
  const order: MutantOrder = { changes: [nothing], firstSeed: 1, seeds: 3 }
  const finding = await new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./mutant.ts', import.meta.url), { workerData: order })
    worker.on('message', resolve)
    worker.on('error', reject)
  })
  t.equal(finding, null)
})
