// Writes the vectors: `node test/vectors/make.ts`. Run it once for a new kind of message. To run it again for an old one
// changes what every node and device in the field has agreed on: that needs a new protocol version.

import { writeFileSync } from 'node:fs'
import { buildVectors } from './vectors.ts'

for (const [name, content] of Object.entries(buildVectors())) {
  writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(content, null, 2)}\n`)
}
