// Several validators in memory: a network that loses, repeats and reorders, then a calm one; crashes with replay; and
// one validator that lies. Everything is drawn from a seed. The checks have their own arithmetic.

import { deepStrictEqual, ok, strictEqual } from 'node:assert'
import type { Bin } from '../../src/base/bytes.ts'
import type { Consensus, ConsensusOptions } from '../../src/consensus/consensus.ts'
import { createConsensus, hasProposal, hasVote, proposerFor, stepConsensus } from '../../src/consensus/consensus.ts'
import type { ConsensusEffect } from '../../src/consensus/effect.ts'
import type { ConsensusInput, TimeoutStep } from '../../src/consensus/input.ts'
import { proposalsHeld, quorumVotes, votesHeld } from '../../src/consensus/view.ts'
import type { Proposal } from '../../src/protocol/proposal.ts'
import type { Vote, VoteType } from '../../src/protocol/vote.ts'
import { validatorsOf } from './consensus-fixture.ts'

export interface Scenario {
  readonly seed: number
  readonly powers: readonly number[]
  /** Index of the validator that lies, with less than a third of the power; null if all are honest. */
  readonly liar: number | null
  /** Rounds in which the liar works towards two decisions, before the chaos. */
  readonly plotted: number
  /** Random events after that, before the network is calm. */
  readonly chaos: number
}

export interface Outcome {
  readonly decisions: readonly { readonly round: number; readonly blockId: Bin }[]
  /** What the run went through, so that a test can show that the runs are worth something. */
  readonly seen: ReadonlySet<string>
}

interface Node {
  readonly name: string
  readonly options: ConsensusOptions
  state: Consensus
  readonly log: ConsensusInput[]
  readonly said: Map<string, Bin | null>
  readonly timers: { readonly step: TimeoutStep; readonly round: number; readonly dueMs: number }[]
  decided: { round: number; blockId: Bin } | null
}

interface Wire {
  /** Null: the liar, or a peer that passes a message on. */
  readonly from: Node | null
  readonly to: Node
  readonly input: ConsensusInput
}

const HEIGHT = 3
const MAX_CALM_TIMERS = 400
const DURATION_MS: Readonly<Record<TimeoutStep, number>> = { propose: 1_000, prevote: 500, precommit: 500 }
const id = (name: string): Bin => name.padEnd(32, '.')

/** Mulberry32. @returns draws an integer below `n` */
function drawsFrom(seed: number): (n: number) => number {
  let s = seed >>> 0
  return (n) => {
    s = (s + 0x6d2b79f5) >>> 0
    let x = Math.imul(s ^ (s >>> 15), 1 | s)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % n
  }
}

/** Runs until all honest nodes and an observer have decided. Throws if they disagree, or do not. */
export function play({ seed, powers, liar, plotted, chaos }: Scenario): Outcome {
  const draw = drawsFrom(seed)
  const validators = validatorsOf(...powers)
  const priorities = validators.map(() => 0)
  const total = powers.reduce((sum, power) => sum + power, 0)
  const powerOf = new Map(validators.map(({ key, power }) => [key, power]))
  const keys = [...validators.map(({ key }) => key), null].filter((_, i) => i !== liar)
  const nodes = keys.map((self, i): Node => {
    const options = { height: HEIGHT, validators, priorities, self }
    return { name: `${i}`, options, state: createConsensus(options), log: [], said: new Map(), timers: [], decided: null }
  })
  const wires: Wire[] = []
  const blocks = new Map<Bin, boolean>()
  const seen = new Set<string>()
  const roundsLiedIn = new Set<number>()
  const timerPercent = [1, 2, 4, 8, 30][draw(5)]!
  const lossPercent = [0, 0, 2, 10, 30][draw(5)]!
  let nowMs = 0
  let calm = false
  let plotting = false
  /** Links that hardly deliver, for a while. */
  let slow: ReadonlySet<string> = new Set()

  const toAll = (from: Node, input: ConsensusInput): void => {
    for (const to of nodes) wires.push({ from, to, input })
  }
  const signed = (self: Bin, type: VoteType, round: number, blockId: Bin | null): Vote => ({ height: HEIGHT, round, type, blockId, validator: self, signature: new Uint8Array(64) })
  const proposal = (proposer: Bin, round: number, validRound: number, blockId: Bin): ConsensusInput => ({
    kind: 'proposal',
    proposal: { height: HEIGHT, round, validRound, blockId, proposer, signature: new Uint8Array(64) },
    valid: blocks.get(blockId) ?? false,
  })
  const judge = { acceptable: (fresh: Proposal): boolean => {
    strictEqual(fresh.validRound, -1, 'only fresh proposals are judged')
    return calm || plotting || draw(4) > 0
  } }

  function feed(node: Node, input: ConsensusInput): void {
    const { round, lockedRound, validRound } = node.state
    node.log.push(input)
    const effects = stepConsensus(node.state, input, judge)
    ok(node.state.round >= round && node.state.lockedRound >= lockedRound && node.state.validRound >= validRound, 'rounds never go back')
    for (const effect of effects) carryOut(node, effect, round)
  }

  function carryOut(node: Node, effect: ConsensusEffect, roundBefore: number): void {
    const { self } = node.options
    switch (effect.kind) {
      case 'round':
        if (effect.round > 0) seen.add('later round')
        if (effect.round > roundBefore + 1) seen.add('skip')
        lie(effect.round)
        break
      case 'timeout': {
        const { step, round } = effect
        node.timers.push({ step, round, dueMs: nowMs + DURATION_MS[step] * (1 + round) })
        break
      }
      case 'get-value': {
        const blockId = id(`${node.name} built ${effect.round}`)
        blocks.set(blockId, true)
        wires.push({ from: node, to: node, input: { kind: 'value', round: effect.round, blockId } })
        break
      }
      case 'propose': {
        ok(self !== null && self === proposerFor(node.state, effect.round), 'only the proposer proposes')
        strictEqual(said(node, `propose ${effect.round}`, effect.blockId), true)
        if (effect.validRound >= 0) seen.add('re-proposal')
        toAll(node, proposal(self, effect.round, effect.validRound, effect.blockId))
        if (effect.validRound >= 0) toAll(node, { kind: 'quorum', votes: quorumVotes(node.state, effect.validRound, 'prevote') })
        break
      }
      case 'vote':
        ok(self !== null, 'observers do not vote')
        strictEqual(said(node, `${effect.type} ${effect.round}`, effect.blockId), true, 'one vote for each round and type')
        if (effect.type === 'precommit' && effect.blockId !== null) checkLock(node, effect.round, effect.blockId)
        toAll(node, { kind: 'vote', vote: signed(self, effect.type, effect.round, effect.blockId) })
        break
      case 'decide': {
        strictEqual(node.decided, null, 'a node decides once')
        node.decided = { round: effect.round, blockId: effect.blockId }
        strictEqual(blocks.get(effect.blockId), true, 'the block is valid')
        const signers = effect.certificate.signatures.map(({ validator }) => validator)
        deepStrictEqual(signers, [...new Set(signers)].sort((a, b) => a - b), 'signers ascend, each once')
        ok(signers.reduce((sum, i) => sum + powers[i]!, 0) > (total * 2) / 3, 'the certificate is a quorum')
        break
      }
      case 'equivocation':
        seen.add('equivocation')
        ok(liar !== null && effect.first.validator === validators[liar]!.key && effect.first.blockId !== effect.second.blockId, 'honest validators never sign twice')
        break
    }
  }

  function said(node: Node, what: string, blockId: Bin | null): boolean {
    const before = node.said.get(what)
    node.said.set(what, blockId)
    return before === undefined
  }

  function checkLock(node: Node, round: number, blockId: Bin): void {
    strictEqual(node.state.lockedValue, blockId)
    strictEqual(node.state.lockedRound, round)
    const prevotes = votesHeld(node.state).filter((vote) => vote.round === round && vote.type === 'prevote' && vote.blockId === blockId)
    const shown = quorumVotes(node.state, round, 'prevote')
    const behind = new Set([...prevotes, ...shown].map(({ validator }) => validator))
    ok([...behind].reduce((sum, key) => sum + powerOf.get(key)!, 0) > (total * 2) / 3, 'a precommit stands on a prevote quorum')
    seen.add('lock')
  }

  /** What the liar says when somebody enters a round: different things to different nodes. */
  function lie(round: number): void {
    if (liar === null || plotting || (calm && seed % 3 === 0) || roundsLiedIn.has(round)) return
    roundsLiedIn.add(round)
    const self = validators[liar]!.key
    const invented = [id(`lie a ${round}`), id(`lie b ${round}`)]
    invented.forEach((blockId) => blocks.set(blockId, draw(3) > 0))
    const known = [...blocks.keys()]
    const any = (): Bin | null => (draw(4) === 0 ? null : known[draw(known.length)]!)
    for (const to of nodes) {
      if (proposerFor(nodes[0]!.state, round) === self) {
        const blockId = any() ?? invented[draw(2)]!
        wires.push({ from: null, to, input: proposal(self, round, draw(3) === 0 ? draw(round + 1) - 1 : -1, blockId) })
      }
      for (let i = 0; i < 3; i++) {
        const about = [round, round, round, Math.max(0, round - 1), round + 1 + draw(4), draw(1_000_001)][draw(6)]!
        wires.push({ from: null, to, input: { kind: 'vote', vote: signed(self, draw(2) === 0 ? 'prevote' : 'precommit', about, any()) } })
      }
    }
  }

  /** Prevotes the block that a node's round is about, to all; or precommits it to that node alone, and nil to others. */
  function tempt(node: Node, type: VoteType): void {
    const round = Math.max(node.state.round, 0)
    const about = proposalsHeld(node.state).find(({ proposal: { round: of } }) => of === round)?.proposal.blockId
    if (liar === null || about === undefined) return
    const self = validators[liar]!.key
    for (const to of nodes) {
      if (to === node || draw(5) > 0) feed(to, { kind: 'vote', vote: signed(self, type, round, to === node || type === 'prevote' ? about : null) })
    }
  }

  /** What is on the wires now arrives, unless it is lost; nobody loses what it sent itself. */
  function deliver(isLost: (to: Node) => boolean): void {
    const all = wires.splice(0)
    while (all.length > 0) {
      const [{ from, to, input }] = all.splice(draw(all.length), 1) as [Wire]
      if (from === to || !isLost(to)) feed(to, input)
    }
  }

  /**
   * A round that goes step by step. A liar that proposes offers all the same new block, often with a validRound that is
   * made up. It helps all to lock, and one to decide; the others time out, and are shown another block.
   */
  function plottedRound(): void {
    const percent = [80, 90, 100][draw(3)]!
    for (const node of nodes) if (node.state.round < 0) feed(node, { kind: 'start' })
    const undecided = nodes.filter(({ decided }) => decided === null)
    const round = Math.max(...undecided.map(({ state }) => state.round))
    const ahead = undecided.filter(({ state }) => state.round === round)
    const favourite = ahead[draw(ahead.length)]
    if (favourite === undefined) return
    deliver(() => false) // blocks that were built
    const proposer = proposerFor(favourite.state, round)
    if (liar !== null && proposer === validators[liar]!.key) {
      const blockId = id(`plot ${round}`)
      const validRound = [-1, round - 1, draw(round + 1) - 1][draw(3)]!
      blocks.set(blockId, true)
      for (const to of nodes) wires.push({ from: null, to, input: proposal(proposer, round, validRound, blockId) })
    }
    deliver(() => draw(100) >= percent) // proposals
    for (const node of nodes) fire(node, 'propose', round)
    tempt(favourite, 'prevote')
    deliver(() => draw(100) >= percent) // prevotes
    for (const node of nodes) fire(node, 'prevote', round)
    tempt(favourite, 'precommit')
    deliver((to) => to !== favourite && to.timers.some(({ step }) => step === 'precommit')) // precommits, just enough to time out
    for (const node of nodes) fire(node, 'precommit', round)
  }

  function fire(node: Node, step: TimeoutStep, round: number): void {
    const at = node.timers.findIndex((timer) => timer.step === step && timer.round === round)
    if (at >= 0) feed(node, { kind: 'timeout', step: node.timers.splice(at, 1)[0]!.step, round })
  }

  function crash(node: Node): void {
    const again = createConsensus(node.options)
    // Another judge: what it says changes our vote, and never our state.
    for (const input of node.log) stepConsensus(again, input, { acceptable: () => draw(2) === 0 })
    deepStrictEqual({ ...again, proposers: null }, { ...node.state, proposers: null }, 'replaying the inputs restores the state')
    node.state = again
    seen.add('crash')
  }

  function chaoticEvent(): void {
    const node = nodes[draw(nodes.length)]!
    const dice = draw(100)
    if (dice < 1) crash(node)
    else if (liar !== null && dice >= 90) tempt(node, draw(2) === 0 ? 'prevote' : 'precommit')
    else if (dice < 4) feed(node, { kind: 'start' })
    else if (dice < 4 + timerPercent && node.timers.length > 0) {
      const [timer] = node.timers.splice(draw(node.timers.length), 1)
      feed(node, { kind: 'timeout', step: timer!.step, round: timer!.round })
    } else if (wires.length > 0) {
      const at = draw(wires.length)
      const { from, to, input } = wires[at]!
      if (from !== to && draw(10) > 0 && slow.has(`${from?.name} ${to.name}`)) return
      if (draw(6) > 0) wires.splice(at, 1) // else it comes again
      if (from === to || draw(100) >= lossPercent) feed(to, input) // else it is lost, or comes later
    }
  }

  /** Peers offer what others miss: each message once between two timeouts. @returns false if there was nothing to offer */
  function offerMissing(offered: Set<string>): boolean {
    const before = wires.length
    const offer = (to: Node, what: string, input: ConsensusInput): void => {
      if (offered.has(`${to.name} ${what}`)) return
      offered.add(`${to.name} ${what}`)
      wires.push({ from: null, to, input })
    }
    for (const from of nodes) for (const to of nodes) {
      if (from === to || to.decided !== null) continue
      for (const { proposal: held, valid } of proposalsHeld(from.state)) {
        if (!hasProposal(to.state, held)) offer(to, `proposal ${held.round} ${held.validRound} ${held.blockId}`, { kind: 'proposal', proposal: held, valid })
      }
      for (const vote of votesHeld(from.state)) {
        if (!hasVote(to.state, vote)) offer(to, `${vote.type} ${vote.round} ${vote.validator} ${vote.blockId}`, { kind: 'vote', vote })
      }
      for (const [round, type] of [[from.state.validRound, 'prevote'], [from.decided?.round ?? -1, 'precommit']] as const) {
        const votes = round < 0 ? [] : quorumVotes(from.state, round, type)
        if (votes.length > 0 && quorumVotes(to.state, round, type).length === 0) offer(to, `quorum ${round} ${type}`, { kind: 'quorum', votes })
      }
    }
    return wires.length > before
  }

  function deliverAll(): void {
    const offered = new Set<string>()
    do {
      while (wires.length > 0) {
        const [next] = wires.splice(draw(wires.length), 1)
        feed(next!.to, next!.input)
      }
    } while (offerMissing(offered))
  }

  function fireNextTimer(): void {
    const due = nodes.flatMap((node) => node.timers.map((timer) => ({ node, timer }))).sort((a, b) => a.timer.dueMs - b.timer.dueMs)[0]
    ok(due !== undefined, 'somebody waits for something')
    due.node.timers.splice(due.node.timers.indexOf(due.timer), 1)
    nowMs = Math.max(nowMs, due.timer.dueMs)
    feed(due.node, { kind: 'timeout', step: due.timer.step, round: due.timer.round })
  }

  plotting = true
  for (let round = 0; round < plotted; round++) plottedRound()
  plotting = false
  for (let event = 0; event < chaos; event++) {
    if (event % 150 === 0) slow = new Set(nodes.flatMap((a) => [...nodes, null].flatMap((b) => (draw(3) === 0 ? [`${b?.name} ${a.name}`] : []))))
    chaoticEvent()
  }
  const early = nodes.filter(({ decided }) => decided !== null).length
  if (early > 0) seen.add(early < nodes.length ? 'only some decided before the calm' : 'all decided before the calm')
  calm = true
  for (const node of nodes) feed(node, { kind: 'start' })
  deliverAll()
  for (let fired = 0; nodes.some(({ decided }) => decided === null); fired++) {
    ok(fired < MAX_CALM_TIMERS, `all decide: ${nodes.map(({ state, decided }) => decided === null ? `round ${state.round} ${state.step}` : 'decided').join(', ')}`)
    fireNextTimer()
    deliverAll()
  }
  const decisions = nodes.map(({ decided }) => decided!)
  strictEqual(new Set(decisions.map(({ blockId }) => blockId)).size, 1, 'all decide the same')
  return { decisions, seen }
}
