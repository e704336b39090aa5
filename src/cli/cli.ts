// What every command gets: the outside world, the way to print a result, and the exit code.

import type { Command } from 'commander'
import type { Io } from './io.ts'
import { toJson } from './output.ts'

export type Options = Readonly<Record<string, unknown>>

export interface Cli extends Io {
  /** It is 0 unless a command says otherwise; failures are thrown instead. */
  setExitCode(exitCode: number): void
}

export interface Run extends Cli {
  /** Options of the command and the global ones, as typed. */
  readonly options: Options
  readonly json: boolean
  /** Prints a result: as JSON for programs, else what `human` returns. */
  print(result: unknown, human: () => string): void
}

/** Makes `run` the action of a command. Arguments that were left out are undefined. */
export function action(command: Command, cli: Cli, run: (run: Run, ...args: (string | undefined)[]) => Promise<void> | void): Command {
  return command.action(async (...all: unknown[]) => {
    const options = (all.at(-1) as Command).optsWithGlobals()
    const json = options['json'] === true
    const print: Run['print'] = (result, human) => cli.out(json ? toJson(result) : human())
    await run({ ...cli, options, json, print }, ...(all.slice(0, -2) as (string | undefined)[]))
  })
}

/** The value of an option that takes one. */
export function textOption(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}
