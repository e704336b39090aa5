// Types of configuration values: how each is read from text (flags, environment) and from JSON (the file).

import { isIP } from 'node:net'

export interface ValueType<T> {
  /** Ends the sentence "it must be …". */
  readonly mustBe: string
  /** For `--flag <this>` in help. */
  readonly placeholder: string
  /** Undefined if the text is no such value. */
  fromText(text: string): T | undefined
  /** Undefined if the JSON value has the wrong type or is out of range. */
  fromJson(value: unknown): T | undefined
}

export interface Setting<T> {
  readonly type: ValueType<T>
  readonly default: T
  /** Part of a sentence, for help and docs. */
  readonly description: string
  /** Heading in `start --help`. */
  readonly group: 'Node' | 'Network' | 'Log' | 'Limits'
  /** Flag without dashes, if it is not the name in kebab case. */
  readonly flag?: string
  /** Value of the flag when it stands alone. */
  readonly bare?: string
}

export function integer(low: number, high: number, placeholder = 'n'): ValueType<number> {
  const inRange = (value: number): number | undefined => (Number.isInteger(value) && value >= low && value <= high ? value : undefined)
  return {
    mustBe: `an integer from ${low} to ${high}`,
    placeholder,
    fromText: (text) => (/^[0-9]{1,15}$/.test(text) ? inRange(Number(text)) : undefined),
    fromJson: (value) => (typeof value === 'number' ? inRange(value) : undefined),
  }
}

export function choice<const C extends string>(...choices: readonly C[]): ValueType<C> {
  const one = (value: unknown): C | undefined => choices.find((known) => known === value)
  return { mustBe: `one of ${choices.join(', ')}`, placeholder: 'name', fromText: one, fromJson: one }
}

export function text(mustBe: string, placeholder: string, allowed: (text: string) => boolean): ValueType<string> {
  const check = (value: unknown): string | undefined => (typeof value === 'string' && allowed(value) ? value : undefined)
  return { mustBe, placeholder, fromText: check, fromJson: check }
}

/** As text the elements are separated by commas; spaces around them do not count. */
export function listOf(element: ValueType<string>, maxLength: number): ValueType<readonly string[]> {
  const all = (values: readonly unknown[]): string[] | undefined => {
    const read = values.map((value) => element.fromJson(value))
    return values.length <= maxLength && read.every((value) => value !== undefined) ? [...new Set(read)] : undefined
  }
  return {
    mustBe: `a list of at most ${maxLength}, each ${element.mustBe}`,
    placeholder: element.placeholder,
    fromText: (text) => all(text.trim() === '' ? [] : text.split(',').map((part) => part.trim())),
    fromJson: (value) => (Array.isArray(value) ? all(value) : undefined),
  }
}

const MAX_PATH = 4_096

/** Control characters in a path would let it write to the terminal. */
const isPlain = (text: string): boolean => !/\p{Cc}/u.test(text)

export const path = text('a path', 'path', (path) => path.length > 0 && path.length <= MAX_PATH && isPlain(path))

export const host = text('an IP address or a host name', 'address', (name) => isIP(name) !== 0 || isHostName(name))

export const multiaddr = text('an address like /dns4/seed.example.org/tcp/4001/p2p/12D3…', 'multiaddr', isMultiaddr)

const NAMED_RANGES = ['loopback', 'linklocal', 'uniquelocal']

export const network = text(`an IP address, a range like 10.0.0.0/8, or one of ${NAMED_RANGES.join(', ')}`, 'range', (range) => {
  if (NAMED_RANGES.includes(range)) return true
  const [address = '', bits, ...rest] = range.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
})

/** Letters, digits and hyphens between dots; a name of digits and dots only would be a mistyped address. */
function isHostName(name: string): boolean {
  if (name.length > 253 || /^[0-9.]*$/.test(name)) return false
  return name.split('.').every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
}

/** The shapes that a TCP node can dial; the network layer resolves them. */
function isMultiaddr(address: string): boolean {
  const [root, kind, where = '', ...rest] = address.split('/')
  if (root !== '' || address.length > 512) return false
  const isName = /^dns(4|6|addr)?$/.test(kind ?? '')
  if (!(isName ? isHostName(where) : isIP(where) !== 0 && kind === `ip${isIP(where)}`)) return false
  if (kind !== 'dnsaddr') {
    const [transport, port = ''] = rest.splice(0, 2)
    if (transport !== 'tcp' || !/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) return false
  }
  return rest.length === 0 || (rest.length === 2 && rest[0] === 'p2p' && /^[1-9A-HJ-NP-Za-km-z]{20,100}$/.test(rest[1]!))
}
