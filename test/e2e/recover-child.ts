// Opens data directories that crashes left behind, one after the other as the parent asks, and tells what it found. A process
// of its own, because there are hundreds of them, and a test's own process carries the hooks of its runner.
//
//   in    { id, dir, above, further }    let the chain go on until it is `further` blocks above `above` and above its head
//   out   { id, blocks: [height, id][] } or { id, error }

import { blockIds, livingCore } from './core-fixture.ts'

export interface RecoverCall {
  readonly id: number
  readonly dir: string
  readonly above: number
  readonly further: number
}

export type RecoverAnswer =
  | { readonly id: number; readonly blocks: [height: number, id: string][] }
  | { readonly id: number; readonly error: string }

async function recover({ id, dir, above, further }: RecoverCall): Promise<RecoverAnswer> {
  const living = await livingCore(dir)
  try {
    await living.height(Math.max(living.core.status().height, above) + further)
    return { id, blocks: [...(await blockIds(living.core))] }
  } finally {
    await living.stop()
  }
}

process.on('message', (call: RecoverCall) => {
  const answered = recover(call).catch((error: unknown): RecoverAnswer => ({ id: call.id, error: String(error) }))
  void answered.then((answer) => process.send!(answer))
})
