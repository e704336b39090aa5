// What a log line looks like: fields made safe to write down, and the one-line form for people.

import { styleText } from 'node:util'
import { toHex } from '../base/bytes.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Names of members that are never written, at any depth, whatever they hold. Compared without case, - and _. */
const SECRET_NAMES = new Set([
  'secretkey', 'secret', 'privatekey', 'seedphrase', 'mnemonic', 'password', 'passphrase', 'token', 'authorization', 'cookie',
])
const CENSORED = '[secret]'

const MAX_DEPTH = 4
const MAX_ENTRIES = 32
const MAX_TEXT = 1_000
const MAX_BYTES_SHOWN = 64

/** A copy that JSON can hold: amounts as decimal strings, bytes as hex, errors spelt out, secrets gone, sizes bounded. */
export function safeFields(fields: Fields): Record<string, unknown> {
  return safeObject(fields, 0)
}

function safeObject(object: object, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(object).slice(0, MAX_ENTRIES)) {
    safe[name] = SECRET_NAMES.has(name.toLowerCase().replace(/[-_]/g, '')) ? CENSORED : safeValue(value, depth + 1)
  }
  return safe
}

function safeValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'string') return value.length <= MAX_TEXT ? value : value.slice(0, MAX_TEXT) + '…'
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return toHex(value.subarray(0, MAX_BYTES_SHOWN)) + (value.length > MAX_BYTES_SHOWN ? '…' : '')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString()
  if (value instanceof Error) return safeError(value, depth)
  if (depth >= MAX_DEPTH) return '…'
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((element) => safeValue(element, depth + 1))
  if (value instanceof Set) return [...value].slice(0, MAX_ENTRIES).map((element) => safeValue(element, depth + 1))
  if (value instanceof Map) return safeObject(Object.fromEntries(value) as Record<string, unknown>, depth)
  return safeObject(value, depth)
}

function safeError(error: Error, depth: number): Record<string, unknown> {
  const safe: Record<string, unknown> = { name: error.name, message: safeValue(error.message, depth) }
  if ('code' in error) safe['code'] = safeValue(error.code, depth)
  if (error.stack !== undefined) safe['stack'] = safeValue(error.stack, depth)
  if (error.cause !== undefined && depth < MAX_DEPTH) safe['cause'] = safeValue(error.cause, depth + 1)
  return safe
}

export interface PrettyOptions {
  readonly colour: boolean
  /** Columns of the terminal; fields of an everyday line (info) that would go beyond are left out. */
  readonly width: number
}

/** `12:58:01 warn api Client refused reason=too_old` @param line one JSON line of pino */
export function prettyLine(line: string, { colour, width }: PrettyOptions): string {
  const { time, level, module, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const style = (format: 'dim' | 'yellow' | 'red', text: string): string => {
    return colour ? styleText(format, text, { validateStream: false }) : text
  }
  const head = [style('dim', clockTime(time))]
  if (level === 'warn') head.push(style('yellow', 'warn'))
  else if (level === 'error' || level === 'fatal') head.push(style('red', level))
  else if (level !== 'info') head.push(style('dim', String(level)))
  if (level !== 'info' && module !== undefined) head.push(style('dim', String(module)))
  const message = plain(String(msg))
  let text = [...head, message].join(' ')
  const stacks: string[] = []
  let columns = level === 'info' ? 'hh:mm:ss '.length + message.length : -Infinity
  for (const [name, value] of Object.entries(fields)) {
    const [key, shown] = [`${plain(name)}=`, fieldText(value, stacks)]
    columns += 1 + key.length + shown.length
    // One column is kept for the sign that something is missing.
    if (columns >= width) {
      text += '…'
      break
    }
    text += ' ' + style('dim', key) + shown
  }
  return [text, ...stacks].join('\n') + '\n'
}

/** Local time of day: dates are in the JSON form. */
function clockTime(time: unknown): string {
  const date = new Date(String(time))
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

function fieldText(value: unknown, stacks: string[]): string {
  if (typeof value === 'string') return textOf(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if ('message' in value && 'name' in value) {
    if ('stack' in value) stacks.push(...String(value.stack).split('\n').slice(1).map(plain))
    return JSON.stringify(plain(String(value.message)))
  }
  return plain(JSON.stringify(value))
}

/** Ids and keys are cut to what an eye can compare. */
function textOf(text: string): string {
  if (/^[0-9a-f]{16,64}$/.test(text) || /^z[1-9A-HJ-NP-Za-km-z]{40,60}$/.test(text)) return text.slice(0, 8) + '…'
  return text === '' || /[\s"=]/.test(text) ? JSON.stringify(plain(text)) : plain(text)
}

/** Nothing that comes from outside may steer the terminal. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
