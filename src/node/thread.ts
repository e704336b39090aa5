// Worker threads of this project, from TypeScript sources or from the build.

import { Worker } from 'node:worker_threads'

/** @param name file beside this one, without its extension */
export function startThread(name: string, workerData: unknown): Worker {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  return new Worker(new URL(`./${name}${extension}`, import.meta.url), { workerData, name })
}
