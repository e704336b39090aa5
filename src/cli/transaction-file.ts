// Files that carry a transaction from one operator to the next, until enough have approved it.
//
//   { "format": "pulse-transaction/1", "network", "genesisHash",
//     "content": { what the API shows of it, for people }, "transaction": base64, encoded as in a block }
//
// What counts is `transaction`. A file whose other members say something else is refused: people read those.

import { readFileSync, statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import { transactionView } from '../node/transaction-view.ts'
import { Failure } from '../ops/failure.ts'
import { createFile, replaceFile, storageFailure } from '../ops/fsync.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { decodeTransaction, encodeTransaction, isGovernance } from '../protocol/transaction.ts'
import { approvalsOf, isSigned, withApprovals } from './governance.ts'
import { toJson } from './output.ts'

const FORMAT = 'pulse-transaction/1'
const FILE_MODE = 0o644
/** A change of parameters that 128 validators approve takes a fifth of this. */
const MAX_FILE_BYTES = 262_144

export interface TransactionFile {
  readonly network: string
  readonly genesisHash: Uint8Array
  readonly transaction: GovernanceTransaction
}

/** @throws Failure `config` if the file exists, `storage` */
export function createTransactionFile(path: string, file: TransactionFile): void {
  try {
    createFile(path, bytesOf(file), FILE_MODE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw storageFailure(`Cannot write ${path}`, error)
    throw new Failure('config', `The file ${path} exists already`, 'Choose another with --out: nothing is overwritten.')
  }
}

/** @throws Failure `storage` */
export function replaceTransactionFile(path: string, file: TransactionFile): void {
  try {
    replaceFile(path, bytesOf(file), FILE_MODE)
  } catch (error) {
    throw storageFailure(`Cannot write ${path}`, error)
  }
}

const bytesOf = (file: TransactionFile): Uint8Array => new TextEncoder().encode(toJson(jsonOf(file)))

function jsonOf({ network, genesisHash, transaction }: TransactionFile) {
  const { height: _, ...content } = transactionView(transaction, null)
  return { format: FORMAT, network, genesisHash: toHex(genesisHash), content, transaction: Buffer.from(encodeTransaction(transaction)).toString('base64') }
}

/** Every signature in it has been verified. @throws Failure `config` if it is no such file, or not whole; `storage` */
export function readTransactionFile(path: string): TransactionFile {
  const json = parse(path, read(path))
  const { format, network, genesisHash: hash, transaction: encoded } = json
  if (format !== FORMAT) throw broken(path, `is not of the format ${FORMAT}`)
  const genesisHash = typeof hash === 'string' ? fromHex(hash) : null
  if (typeof network !== 'string' || genesisHash?.length !== 32) throw broken(path, 'names no network')
  const transaction = typeof encoded === 'string' ? decodeTransaction(Buffer.from(encoded, 'base64'), genesisHash) : null
  if (transaction === null || !isGovernance(transaction)) throw broken(path, 'holds no governance transaction')
  const file = { network, genesisHash, transaction }
  if (!isDeepStrictEqual(json, JSON.parse(JSON.stringify(jsonOf(file))))) throw broken(path, 'says something else than the transaction in it')
  if (!isSigned(transaction, genesisHash)) throw broken(path, 'holds a signature that does not verify')
  return file
}

/** One transaction with the approvals of all files. @throws Failure `config` if they are not of the same transaction */
export function readTransactionFiles(paths: readonly string[]): TransactionFile {
  const files = paths.map(readTransactionFile)
  const [first] = files as [TransactionFile]
  return files.reduce((merged, file, i) => {
    if (file.transaction.id !== first.transaction.id || !equalBytes(file.genesisHash, first.genesisHash)) {
      throw new Failure('config', `${paths[i]} and ${paths[0]} hold different transactions`, 'Give the copies of one file that went to several operators.')
    }
    return { ...merged, transaction: withApprovals(merged.transaction, approvalsOf(file.transaction) ?? []) }
  }, first)
}

function read(path: string): string {
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw broken(path, `has more than ${MAX_FILE_BYTES} bytes`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Failure('config', `There is no file ${path}`, 'Check the path.')
    throw storageFailure(`Cannot read ${path}`, error)
  }
}

function parse(path: string, text: string): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw broken(path, 'is not JSON')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw broken(path, 'is not a JSON object')
  return json as Record<string, unknown>
}

const broken = (path: string, why: string): Failure => new Failure('config', `The file ${path} ${why}`, 'Get it again from whom it came.')
