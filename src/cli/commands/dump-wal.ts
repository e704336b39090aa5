// `dump-wal [height]`: what the consensus log holds, one record per line.

import type { Command } from 'commander'
import { Failure } from '../../ops/failure.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { addSettingFlags, configOf } from '../flags.ts'
import { recordLine, toJsonLine } from '../output.ts'

export function registerDumpWal(program: Command, cli: Cli): void {
  const command = program
    .command('dump-wal')
    .argument('[height]', 'only the records of this height')
    .summary('show the consensus log')
    .description('Show the records of the consensus write-ahead log, one per line; with --json one JSON object per line.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node dump-wal\n  $ pulse-node dump-wal 42 --json')
  action(addSettingFlags(command, ['dataDir']), cli, async (run, height) => {
    if (height !== undefined && !/^[0-9]{1,15}$/.test(height)) {
      throw new Failure('usage', `"${height}" is no height`, 'Give a whole number.')
    }
    const { dumpWal } = await import('../../node/dump-wal.ts')
    for (const entry of dumpWal(configOf(run).config.dataDir, height === undefined ? undefined : Number(height))) {
      run.out(run.json ? toJsonLine(entry) : recordLine(entry))
    }
  })
}
