// Prints the trace hash of a seed: a process of its own for determinism.test.ts.

import { simulate } from '../../src/sim/simulate.ts'

console.log(simulate({ seed: Number(process.argv[2]) }).traceHash)
