// Runs a core on a data directory and kills its own process with SIGKILL at one of its writes.
//
//   node crash-child.ts <data directory> <write at which to die, from 1; 0: never> <height at which to end>
//
// Writes one line for each thing that happened, at once, so that nothing of it is lost: `block <height> <id>` for what was
// announced, `write <label>` for every write of a run that is never killed, `crash <label>` as the last word.

import { writeSync } from 'node:fs'
import { livingCore } from './core-fixture.ts'

const [dir, at, end] = process.argv.slice(2)
const STDOUT = 1
const say = (line: string): void => void writeSync(STDOUT, line + '\n')

let count = 0
const living = await livingCore(dir!, {
  onBlock: ({ height, id }) => say(`block ${height} ${id}`),
  onWrite(label) {
    count++
    if (at === '0') say(`write ${label}`)
    if (String(count) !== at) return
    say(`crash ${label}`)
    process.kill(process.pid, 'SIGKILL')
    // Not one instruction more, even if the signal takes its time.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
})
await living.height(Number(end))
await living.stop()
