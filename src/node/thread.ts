// Worker threads of this project, from TypeScript sources or from the build.

import type { ResourceLimits } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'

/**
 * @param name file beside this one, without its extension
 * @param resourceLimits of its heap: a small young generation keeps a thread that makes much garbage from taking memory for it
 */
export function startThread(name: string, workerData: unknown, resourceLimits: ResourceLimits = {}): Worker {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  return new Worker(new URL(`./${name}${extension}`, import.meta.url), { workerData, name, resourceLimits })
}
