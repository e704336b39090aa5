// The steps of the smoke test, each with a time limit.

import { toHex } from '../base/bytes.ts'
import { keyToText } from '../crypto/keys.ts'
import { makeTransfer } from '../device/transfer.ts'
import { Failure } from '../ops/failure.ts'
import { createLogger } from '../ops/logger.ts'
import { configWith } from '../ops/settings.ts'
import { genesisHash } from '../protocol/genesis.ts'
import { COIN } from '../protocol/params.ts'
import { formatAmount } from './amount.ts'
import type { NodeClient } from './client.ts'
import { createClient } from './client.ts'
import { EXPIRY_BLOCKS } from './commit.ts'
import { runHearts, simulatedDevices } from './hearts.ts'
import type { Io } from './io.ts'
import { initialise } from './network.ts'
import { waitUntil } from './wait.ts'

export interface SmokeStep {
  readonly name: string
  readonly ok: boolean
  readonly seconds: number
  /** What came out, or what went wrong. */
  readonly detail: string
}

const STEP_TIMEOUT_MS = 30_000
const INTERVAL_MS = 500
const BEAT_EVERY_MS = 1_000

/** Runs the steps in order, up to the first that fails; everything is stopped at the end. @param dataDir must not exist */
export async function runSmoke(io: Io, dataDir: string, onStep: (step: SmokeStep) => void): Promise<SmokeStep[]> {
  const steps: SmokeStep[] = []
  const cleanUps: (() => Promise<unknown>)[] = []

  async function step<T>(name: string, run: () => Promise<readonly [T, detail: string]>): Promise<T> {
    const startedMs = io.clock.monotonicMs()
    const end = (ok: boolean, detail: string): void => {
      const done = { name, ok, seconds: (io.clock.monotonicMs() - startedMs) / 1_000, detail }
      steps.push(done)
      onStep(done)
    }
    try {
      const [value, detail] = await withLimit(run())
      end(true, detail)
      return value
    } catch (error) {
      end(false, error instanceof Failure ? error.message : String(error))
      throw new StepFailed()
    }
  }

  /** For a step that neither ends nor fails. Longer than what `soon` waits, which knows better what is missing. */
  async function withLimit<T>(promise: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const limitMs = 2 * STEP_TIMEOUT_MS
    const timer = io.clock.after(limitMs, () => reject(new Failure('failed', `No end within ${limitMs / 1_000} s`, '')))
    return Promise.race([promise, late]).finally(() => timer.cancel())
  }

  async function soon<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
    const found = await waitUntil(io.clock, { everyMs: 50, timeoutMs: STEP_TIMEOUT_MS }, ask)
    if (found === null) throw new Failure('failed', `${what} within ${STEP_TIMEOUT_MS / 1_000} s`, '')
    return found
  }

  try {
    await allSteps(io, dataDir, step, soon, cleanUps)
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
  } finally {
    for (const cleanUp of cleanUps.reverse()) await withLimit(cleanUp()).catch(() => undefined)
  }
  return steps
}

class StepFailed extends Error {}

type Step = <T>(name: string, run: () => Promise<readonly [T, detail: string]>) => Promise<T>
type Soon = <T>(what: string, ask: () => Promise<T | null>) => Promise<T>

async function allSteps(io: Io, dataDir: string, step: Step, soon: Soon, cleanUps: (() => Promise<unknown>)[]): Promise<void> {
  const { createNode } = await import('../node/node.ts')
  const { verifyChain } = await import('../node/verify-chain.ts')
  const config = configWith({ dataDir, host: '127.0.0.1', port: 0, p2pPort: 0, logLevel: 'silent' })

  const genesis = await step('genesis', async () => {
    const made = initialise(dataDir, { network: 'pulse-smoke', development: true, intervalMs: INTERVAL_MS, nowMs: io.clock.nowMs() })
    return [made.genesis, toHex(genesisHash(made.genesis)).slice(0, 16)]
  })
  const { node, client } = await step('node', async () => {
    const logger = createLogger({ level: 'silent', format: 'json' })
    const node = await createNode({ config, genesis, logger })
    cleanUps.push(() => node.stop())
    const { url } = await node.start()
    return [{ node, client: createClient(url, io.fetch) }, url]
  })

  const devices = simulatedDevices(1)
  const { keys, keyText } = devices[0]!.identity
  const hearts = new AbortController()
  const { running } = await step('first heartbeat', async () => {
    const { promise: accepted, resolve, reject } = Promise.withResolvers<void>()
    const trouble = (code: string, detail: string): void => reject(new Failure('refused', code, detail))
    const running = runHearts({
      url: client.url,
      fetch: io.fetch,
      devices,
      everyMs: BEAT_EVERY_MS,
      signal: hearts.signal,
      onTrouble: trouble,
      onVerdict: (accepted) => accepted && resolve(),
    })
    running.catch(reject)
    cleanUps.push(async () => {
      hearts.abort()
      await running
    })
    await accepted
    // Within an object: the step must not wait for the hearts to stop.
    return [{ running }, `accepted from ${keyText.slice(0, 12)}…`]
  })
  await step('first block', async () => {
    const block = await soon('No block', () => client.block('1'))
    return [block, `${block.heartbeats} heartbeat, id ${block.id.slice(0, 16)}`]
  })
  await step('first tokens', async () => {
    const account = await soon('No tokens', async () => positive(await client.account(keyText)))
    return [account, formatAmount(BigInt(account.balance))]
  })
  await step('self-transfer', async () => {
    const [status, account] = await Promise.all([client.status(), client.account(keyText)])
    const transfer = makeTransfer({
      genesisHash: genesisHash(genesis),
      keys,
      recipient: keyToText(keys.publicKey),
      amount: COIN,
      nonce: account!.nextNonce,
      expiryHeight: status.height + EXPIRY_BLOCKS,
    })
    const id = await client.sendTransaction(transfer.message, transfer.signature)
    const height = await soon('Not committed', async () => (await client.transaction(id))?.height ?? null)
    return [height, `committed in block ${height}`]
  })
  const supply = await step('supply', async () => {
    hearts.abort()
    await running
    const total = await soon('Balances and supply do not agree', () => balancedSupply(client, keyText))
    return [total, `balance = supply = ${formatAmount(total)}`]
  })
  await step('stop', async () => [await node.stop(), 'graceful'])
  await step('verify', async () => {
    const chain = await verifyChain({ dataDir, threads: config.verifyThreads, onProgress: () => undefined })
    if (chain.supply !== supply) throw new Failure('failed', `The chain holds ${chain.supply} base units, the node said ${supply}`, '')
    return [chain, `${chain.height} blocks, ${chain.heartbeats} heartbeats, ${chain.transactions} transfer`]
  })
}

function positive<T extends { balance: string }>(account: T | null): T | null {
  return account !== null && BigInt(account.balance) > 0n ? account : null
}

/** The supply once nothing waits any more and the only account holds all of it. */
async function balancedSupply(client: NodeClient, key: string): Promise<bigint | null> {
  const [status, account] = await Promise.all([client.status(), client.account(key)])
  const quiet = status.mempool.heartbeats === 0 && status.mempool.transactions === 0
  return quiet && account?.balance === status.supply ? BigInt(status.supply) : null
}
