// Runs one command line. Every failure ends as one line on standard error and an exit code.

import { CommanderError } from 'commander'
import type { Command } from 'commander'
import { EXIT_CODES } from '../ops/failure.ts'
import type { Cli } from './cli.ts'
import { toFailure } from './failures.ts'
import type { Io } from './io.ts'
import { processIo } from './io.ts'
import { toJsonLine } from './output.ts'
import { createProgram } from './program.ts'

/** @param args without the interpreter and the script @returns the exit code; never rejects */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  let exitCode: number = EXIT_CODES.ok
  const cli: Cli = { ...io, setExitCode: (code) => (exitCode = code) }
  const program = createProgram(cli)
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok
    // Help that nobody asked for stands in place of a missing command, and has been printed.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT_CODES.usage
    const failure = toFailure(error, helpCommand(program, args))
    const { code, exitCode: failed, message, remedy } = failure
    io.err(args.includes('--json') ? toJsonLine({ error: { code, exitCode: failed, message, remedy } }) : `pulse-node: ${failure.line}\n`)
    return failed
  }
}

/** `pulse-node device replay --help` for a mistake in that command. */
function helpCommand(program: Command, args: readonly string[]): string {
  const path = ['pulse-node']
  let command = program
  for (const arg of args) {
    const next = command.commands.find((one) => one.name() === arg)
    if (next === undefined) continue
    path.push(arg)
    command = next
  }
  return [...path, '--help'].join(' ')
}
