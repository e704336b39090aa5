// What the database says about itself: schema, network, head.

import { equalBytes, readUint32, toHex, writeUint32 } from '../base/bytes.ts'
import { Failure } from '../ops/failure.ts'
import { HEIGHT_SIZE, ID_SIZE, MetaKey, SCHEMA_VERSION, metaKey, readHeight } from './buckets.ts'
import { putSealed } from './commit.ts'
import type { Level, OpenLevel } from './level.ts'
import { noDatabase } from './level.ts'
import { corruptChain, unseal } from './seal.ts'

export async function readSealed(level: Level, key: Uint8Array): Promise<Uint8Array | undefined> {
  const sealed = await level.get(key)
  return sealed && unseal(key, sealed)
}

export interface IdentifyOptions {
  readonly genesisHash: Uint8Array
  readonly createIfMissing: boolean
  readonly onWrite?: (label: string) => void | Promise<void>
}

/**
 * Checks that the database is one of ours, of a schema that we know, of this network. Marks an empty one as ours if `createIfMissing`.
 * @throws Failure `newer_schema`, `wrong_network`, `corrupt`; `config` if it is empty and may not be made
 */
export async function identify({ level, path }: OpenLevel, { genesisHash, createIfMissing, onWrite }: IdentifyOptions): Promise<void> {
  const schema = await readSealed(level, metaKey(MetaKey.schemaVersion))
  if (schema === undefined) {
    if ((await level.keys({ limit: 1 }).all()).length > 0) throw corruptChain(`${path} has no schema version`)
    if (!createIfMissing) throw noDatabase(path)
    await onWrite?.('store:before-initialise')
    await initialise(level, genesisHash)
    await onWrite?.('store:after-initialise')
    return
  }
  const version = readUint32(schema, 0)
  if (version > SCHEMA_VERSION) {
    throw new Failure(
      'newer_schema',
      `The chain database has schema ${version}, this version of pulse-node knows ${SCHEMA_VERSION}`,
      'Run the version of pulse-node that wrote it, or a newer one.',
    )
  }
  const found = await readSealed(level, metaKey(MetaKey.genesisHash))
  if (found === undefined) throw corruptChain(`${path} has no genesis hash`)
  if (!equalBytes(found, genesisHash)) {
    const name = (hash: Uint8Array): string => `${toHex(hash.subarray(0, 4))}…`
    throw new Failure(
      'wrong_network',
      `The chain database belongs to the network ${name(found)}, the genesis file to ${name(genesisHash)}`,
      'Use the genesis file that belongs to this data directory, or another --data-dir.',
    )
  }
}

async function initialise(level: Level, genesisHash: Uint8Array): Promise<void> {
  const version = new Uint8Array(4)
  writeUint32(version, 0, SCHEMA_VERSION)
  const records = [putSealed(metaKey(MetaKey.schemaVersion), version), putSealed(metaKey(MetaKey.genesisHash), genesisHash)]
  await level.batch(records, { sync: true })
}

/** Height 0 and no id before the first block. */
export interface Head {
  readonly height: number
  readonly id: Uint8Array | undefined
}

export async function readHead(level: Level): Promise<Head> {
  const value = await readSealed(level, metaKey(MetaKey.head))
  if (value === undefined) return { height: 0, id: undefined }
  return { height: readHeight(value, 0), id: value.slice(HEIGHT_SIZE, HEIGHT_SIZE + ID_SIZE) }
}
