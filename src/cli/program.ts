// The command line: commands, global options, help.

import { Command } from 'commander'
import { EXIT_CODES } from '../ops/failure.ts'
import type { Cli } from './cli.ts'
import { registerAccount } from './commands/account.ts'
import { registerApprove, registerSubmit } from './commands/approve.ts'
import { registerBlock } from './commands/block.ts'
import { registerCompare } from './commands/compare.ts'
import { registerConfig } from './commands/config.ts'
import { registerDevice } from './commands/device.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerDumpWal } from './commands/dump-wal.ts'
import { registerEnrol, registerKeygen } from './commands/enrol.ts'
import { registerFirstBoot } from './commands/first-boot.ts'
import { registerGenesis } from './commands/genesis.ts'
import { registerInit } from './commands/init.ts'
import { registerJoin, registerLeave } from './commands/join.ts'
import { registerKeys } from './commands/keys.ts'
import { registerPeers } from './commands/peers.ts'
import { registerProposeParams } from './commands/propose-params.ts'
import { registerSend } from './commands/send.ts'
import { registerSmoke } from './commands/smoke.ts'
import { registerStart } from './commands/start.ts'
import { registerStatus } from './commands/status.ts'
import { registerTestnet } from './commands/testnet.ts'
import { registerParams, registerValidators } from './commands/validators.ts'
import { registerVerify } from './commands/verify.ts'
import { registerVerifySelf } from './commands/verify-self.ts'
import { WIDTH } from './output.ts'
import { version } from '../ops/version.ts'

export function createProgram(cli: Cli): Command {
  const program = new Command('pulse-node')
  program
    .description('Full node for Pulse, a Proof-of-Life network.')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help; also for each command')
    .helpCommand(false)
    .option('--json', 'results, and errors, as JSON')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20 })
    .configureOutput({
      writeOut: cli.out,
      writeErr: cli.err,
      // Errors are printed in one place, see main.ts.
      outputError: () => undefined,
      getOutHelpWidth: () => WIDTH,
      getErrHelpWidth: () => WIDTH,
    })
    .addHelpText('after', () => PROGRAM_HELP)
  program.commandsGroup('Node:')
  registerInit(program, cli)
  registerStart(program, cli)
  registerTestnet(program, cli)
  registerGenesis(program, cli)
  registerKeys(program, cli)
  registerKeygen(program, cli)
  registerConfig(program, cli)
  registerFirstBoot(program, cli)
  program.commandsGroup('Ask a running node:')
  registerStatus(program, cli)
  registerPeers(program, cli)
  registerValidators(program, cli)
  registerParams(program, cli)
  registerBlock(program, cli)
  registerAccount(program, cli)
  registerSend(program, cli)
  registerDevice(program, cli)
  program.commandsGroup('Take part in decisions:')
  registerJoin(program, cli)
  registerLeave(program, cli)
  registerEnrol(program, cli)
  registerProposeParams(program, cli)
  registerApprove(program, cli)
  registerSubmit(program, cli)
  program.commandsGroup('Check:')
  registerDoctor(program, cli)
  registerVerify(program, cli)
  registerCompare(program, cli)
  registerVerifySelf(program, cli)
  registerDumpWal(program, cli)
  registerSmoke(program, cli)
  return program
}

const PROGRAM_HELP = `
Examples:
  $ pulse-node start --simulate      a network of your own, with three hearts
  $ pulse-node status                what it is doing
  $ pulse-node testnet --nodes 4     several nodes on this machine
  $ pulse-node smoke                 try everything once

Exit codes:
${exitCodeLines()}`

function exitCodeLines(): string {
  const entries = Object.entries(EXIT_CODES).map(([name, code]) => `${String(code).padStart(2)} ${name.padEnd(14)}`)
  const lines: string[] = []
  for (let i = 0; i < entries.length; i += 4) lines.push('  ' + entries.slice(i, i + 4).join(' ').trimEnd())
  return lines.join('\n')
}
