// `smoke`: the whole way of a first heart on a fresh network of one node, pass or fail.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Failure } from '../../ops/failure.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import type { SmokeStep } from '../smoke.ts'

const DESCRIPTION =
  'Make a fresh network of one node in a temporary directory and go the whole way: ' +
  'first heartbeat, first block, first tokens, a transfer to oneself, verification.'

export function registerSmoke(program: Command, cli: Cli): void {
  const command = program
    .command('smoke')
    .summary('try everything once on a fresh network, pass or fail')
    .description(DESCRIPTION)
    .option('--keep', 'keep the directory (it is kept if a step fails)')
    .addHelpText('after', '\nExamples:\n  $ pulse-node smoke\n  $ pulse-node smoke --json')
  action(command, cli, async (run) => {
    const { runSmoke } = await import('../smoke.ts')
    const root = mkdtempSync(join(tmpdir(), 'pulse-smoke-'))
    const startedMs = run.clock.monotonicMs()
    const steps = await runSmoke(run, join(root, 'data'), (step) => {
      if (!run.json) run.out(stepLine(step))
    })
    const failed = steps.find(({ ok }) => !ok)
    const keep = run.options['keep'] === true || failed !== undefined
    if (!keep) rmSync(root, { recursive: true, force: true })
    const seconds = (run.clock.monotonicMs() - startedMs) / 1_000
    run.print({ passed: failed === undefined, seconds, dataDir: keep ? root : null, steps }, () => summary(failed, seconds))
    if (failed !== undefined) {
      throw new Failure('failed', `The smoke test failed at "${failed.name}": ${failed.detail}`, `What it left is in ${root}.`)
    }
    if (keep && !run.json) run.out(`Kept ${root}\n`)
  })
}

const stepLine = ({ ok, name, seconds, detail }: SmokeStep): string =>
  `${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(18)} ${seconds.toFixed(2).padStart(6)} s  ${detail}`.slice(0, 79) + '\n'

function summary(failed: SmokeStep | undefined, seconds: number): string {
  return failed === undefined ? `\nPassed in ${seconds.toFixed(1)} s.\n` : '\nFailed.\n'
}
