import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { prettyLine } from '../../src/ops/log-format.ts'
import type { LogFormat, Logger, LogLevel } from '../../src/ops/logger.ts'
import { createLogger, isPretty, silentLogger } from '../../src/ops/logger.ts'

function capture(level: LogLevel = 'info', format: LogFormat = 'json'): { logger: Logger; lines: string[]; last(): Record<string, unknown> } {
  const lines: string[] = []
  const logger = createLogger({ level, format, destination: { write: (line) => lines.push(line) } })
  return { logger, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> }
}

t.test('a line is JSON with time, level, message and fields, and nothing about the machine', async (t) => {
  const { logger, lines, last } = capture()
  logger.info('Block committed', { height: 3, lives: 2 })
  t.equal(lines.length, 1)
  t.match(lines[0], /\n$/)
  const { time, ...rest } = last()
  t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.strictSame(rest, { level: 'info', height: 3, lives: 2, msg: 'Block committed' })
})

t.test('only lines of the level or above are written, and the level may change', async (t) => {
  const { logger, lines } = capture('warn')
  logger.trace('no')
  logger.debug('no')
  logger.info('no')
  t.equal(lines.length, 0)
  logger.warn('yes')
  logger.error('yes')
  logger.fatal('yes')
  t.equal(lines.length, 3)
  logger.level = 'debug'
  t.equal(logger.level, 'debug')
  logger.debug('yes')
  t.equal(lines.length, 4)
})

t.test('a child carries its module and fields', async (t) => {
  const { logger, last } = capture()
  logger.child('api', { port: 8080 }).child('ws').info('Client connected')
  t.match(last(), { module: 'ws', port: 8080, msg: 'Client connected' })
})

t.test('secrets are never written, at any depth, in children neither', async (t) => {
  const { logger, lines } = capture()
  const names = ['secretKey', 'secret_key', 'SECRET-KEY', 'secret', 'privateKey', 'password', 'passphrase', 'token', 'authorization', 'cookie', 'mnemonic']
  for (const name of names) {
    logger.info('Top', { [name]: 'hush' })
    logger.info('Deep', { a: { b: [{ [name]: 'hush' }] }, map: new Map([[name, 'hush']]) })
    logger.child('keys', { [name]: 'hush' }).info('Child')
  }
  logger.info('Pair', { keys: { curve: 'p256', secretKey: new Uint8Array([0x68, 0x75]), publicKey: 'zDn' } })
  for (const line of lines) {
    t.notMatch(line, 'hush')
    t.match(line, '[secret]')
  }
  t.match(lines.at(-1), '"publicKey":"zDn"')
  t.notMatch(lines.at(-1), '6875')
})

t.test('amounts, bytes, errors and sets are written so that JSON can hold them', async (t) => {
  const { logger, last } = capture()
  const cause = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
  logger.error('Write failed', {
    supply: 2n ** 63n,
    id: Uint8Array.of(0, 255),
    long: new Uint8Array(100),
    error: new Error('commit', { cause }),
    peers: new Set(['a']),
    at: new Date(0),
    never: new Date(NaN),
    call: () => 1,
    nothing: undefined,
    none: null,
  })
  const line = last()
  t.match(line, { supply: '9223372036854775808', id: '00ff', peers: ['a'], at: '1970-01-01T00:00:00.000Z', never: 'no date', call: 'function', none: null })
  t.equal((line['long'] as string).length, 129)
  t.match(line['error'], { name: 'Error', message: 'commit', stack: /commit/, cause: { message: 'disk full', code: 'ENOSPC' } })
  t.notOk('nothing' in line)
})

t.test('what strangers send cannot make a line large or endless', async (t) => {
  const { logger, lines } = capture()
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  logger.warn('Odd', { loop, text: 'x'.repeat(100_000), list: new Array(10_000).fill('y'), error: new Error('z'.repeat(100_000)) })
  t.ok(lines[0]!.length < 10_000, String(lines[0]!.length))
})

t.test('the pretty form is one short line', async (t) => {
  const { logger, lines } = capture('debug', 'pretty')
  const id = 'ab'.repeat(32)
  logger.child('runner').info('Block committed', { height: 1_234_567, lives: 3, transactions: 0, id })
  t.match(lines[0], /^\d\d:\d\d:\d\d Block committed height=1234567 lives=3 transactions=0 id=abababab…\n$/)
  t.ok(lines[0]!.trimEnd().length <= 80)
  logger.child('api').warn('Client refused', { code: 'too_old', text: 'a b', empty: '' })
  t.match(lines[1], /^\d\d:\d\d:\d\d warn api Client refused code=too_old text="a b" empty=""\n$/)
})

t.test('the pretty form shows the stack of an error beneath the line', async (t) => {
  const { logger, lines } = capture('info', 'pretty')
  logger.error('Stop failed', { error: new Error('two words') })
  const [first, second] = lines[0]!.split('\n')
  t.match(first, /error Stop failed error="two words"$/)
  t.match(second, /^ +at .*logger\.test\.ts/)
})

t.test('no text from outside can steer the terminal', async (t) => {
  const { logger, lines } = capture('info', 'pretty')
  logger.info('Odd', { text: '\u001b[2J\u0007', nested: { a: '\u009b1m' }, error: new Error('\u001b[31m'), ['na\u001bme']: 1, bidi: '\u202eabc' })
  for (const line of lines[0]!.split('\n')) t.notMatch(line, /[\p{Cc}\p{Cf}]/u)
})

t.test('colour is used only when it is asked for', async (t) => {
  const line = JSON.stringify({ time: '2026-01-01T00:00:00.000Z', level: 'warn', msg: 'M', a: 1 })
  t.notMatch(prettyLine(line, { colour: false, width: 80 }), '\u001b')
  t.match(prettyLine(line, { colour: true, width: 80 }), '\u001b[33mwarn\u001b[39m')
})

t.test('an everyday line fits the terminal by leaving out its last fields; a warning is never cut', async (t) => {
  const fields = { height: 1_234_567, lives: 3, heartbeats: 3, transactions: 0, round: 0, id: 'ab'.repeat(32) }
  const line = (level: string): string => JSON.stringify({ time: '2026-01-01T00:00:00.000Z', level, msg: 'Block committed', ...fields })
  for (let width = 25; width <= 120; width++) {
    for (const colour of [true, false]) {
      const text = stripVTControlCharacters(prettyLine(line('info'), { colour, width })).trimEnd()
      t.ok(text.length <= width, `${width}: ${text}`)
      t.equal(text.endsWith('Block committed…') || / \w+=\w+…?$/.test(text), true, text)
    }
    t.match(prettyLine(line('warn'), { colour: false, width }), /round=0 id=abababab…\n$/)
  }
  t.match(prettyLine(line('info'), { colour: false, width: 80 }), 'Block committed height=1234567 lives=3 heartbeats=3 transactions=0…')
  t.match(prettyLine(line('info'), { colour: false, width: 120 }), 'round=0 id=abababab…')
})

t.test('auto is pretty on a terminal and JSON elsewhere', async (t) => {
  for (const terminal of [true, false]) {
    t.equal(isPretty('auto', terminal), terminal)
    t.equal(isPretty('pretty', terminal), true)
    t.equal(isPretty('json', terminal), false)
  }
  const { logger, last } = capture('info', 'auto')
  logger.info('To a file')
  t.equal(last()['msg'], 'To a file')
  t.equal(silentLogger().level, 'silent')
})
