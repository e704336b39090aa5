// User-data: the same members as a configuration file, and `instance`. What is not understood is refused, all of it at once.

import t from 'tap'
import { gzipSync } from 'node:zlib'
import { parseUserData, userDataText } from '../../src/ops/user-data.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const problems = (data: unknown): string[] => {
  const read = parseUserData(JSON.stringify(data), 'user-data')
  return read.ok ? [] : read.error.map(({ cause, remedy }) => `${cause}. ${remedy}`)
}

t.test('plain and compressed text is read; nothing, and what is for cloud-init, is none of ours', async (t) => {
  t.same(userDataText(bytes('{}')), { ok: true, value: '{}' })
  t.same(userDataText(gzipSync('{"a":1}')), { ok: true, value: '{"a":1}' })
  for (const text of ['', ' \n', '#cloud-config\nusers: []', '#!/bin/sh\ntrue', 'Content-Type: multipart/mixed', 'MIME-Version: 1.0\n']) {
    t.same(userDataText(bytes(text)), { ok: true, value: null }, text)
  }
  t.match(userDataText(Uint8Array.of(0x1f, 0x8b, 1, 2)), { ok: false, error: { cause: /gzip/ } })
  t.match(userDataText(gzipSync(Buffer.alloc(2 * 1024 * 1024))), { ok: false, error: { cause: /gzip/ } }, 'a small archive of very much')
  t.match(userDataText(Uint8Array.of(0xff, 0xfe, 0)), { ok: false, error: { cause: /not text/ } })
})

t.test('settings and instance are told apart', async (t) => {
  const sha256 = 'Ab'.repeat(32)
  const read = parseUserData(
    JSON.stringify({
      port: 9000,
      seeds: ['/ip4/192.0.2.7/tcp/4001'],
      instance: {
        genesis: { url: 'https://example.org/genesis.json', sha256 },
        settings: [{ ssm: '/pulse/common' }, { secret: 'pulse/more' }, { tag: 'pulse:settings' }, { path: '/etc/x.json' }, { inline: { wsClients: 5 } }],
        dataVolume: 'auto',
        announce: 'private',
      },
    }),
    'user-data',
  )
  t.same(read, {
    ok: true,
    value: {
      settings: { port: 9000, seeds: ['/ip4/192.0.2.7/tcp/4001'] },
      settingsFrom: [
        { kind: 'ssm', name: '/pulse/common' },
        { kind: 'secret', name: 'pulse/more' },
        { kind: 'tag', name: 'pulse:settings' },
        { kind: 'path', name: '/etc/x.json' },
        { kind: 'inline', value: { wsClients: 5 } },
      ],
      genesis: { kind: 'url', name: 'https://example.org/genesis.json', sha256: sha256.toLowerCase() },
      network: null,
      dataVolume: 'auto',
      announce: 'private',
    },
  })
  t.match(parseUserData('{}', 'user-data'), { ok: true, value: { settings: {}, genesis: null, network: null, dataVolume: null, announce: 'public' } })
})

t.test('a new network is described in words, not with defaults', async (t) => {
  const read = parseUserData('{"instance": {"network": {"name": "harbour", "intervalMs": 5000}}}', 'user-data')
  t.match(read, { ok: true, value: { network: { name: 'harbour', development: false, threshold: undefined, intervalMs: 5_000 } } })
})

t.test('what is not understood is refused, with what was meant', async (t) => {
  const url = 'https://example.org/g'
  const cases: [data: unknown, expected: RegExp][] = [
    [[], /holds no JSON object/],
    ['text', /holds no JSON object/],
    [{ prot: 1 }, /Unknown key "prot" \(user-data\)\. Did you mean port\?/],
    [{ seeds: ['192.0.2.7:4001'] }, /seeds is \["192\.0\.2\.7:4001"\] \(user-data\)\. It must be a list .* an address like \/dns4/],
    [{ dataDir: '/data' }, /dataDir is set in the user-data\. Leave it out/],
    [{ instance: [] }, /instance is \[\] \(user-data\)\. It must be a JSON object/],
    [{ instance: { dataVolum: 'auto' } }, /Unknown key "dataVolum" in instance \(user-data\)\. Did you mean dataVolume\?/],
    [{ instance: { dataVolume: 'sdf' } }, /instance\.dataVolume is "sdf"/],
    [{ instance: { dataVolume: '/dev/../etc/passwd\n' } }, /instance\.dataVolume/],
    [{ instance: { announce: 'all' } }, /announce is "all" .* public, private or none/],
    [{ instance: { genesis: { url } } }, /instance\.genesis is .* one of/],
    [{ instance: { genesis: { ssm: '/g', sha256: 'ab' } } }, /instance\.genesis is/],
    [{ instance: { genesis: { url, sha256: 'ab' } } }, /instance\.genesis\.sha256 is "ab" .* 64 hex digits/],
    [{ instance: { genesis: { url: 'ftp://x', sha256: 'a'.repeat(64) } } }, /instance\.genesis\.url/],
    [{ instance: { genesis: { ssm: '/a b' } } }, /instance\.genesis\.ssm/],
    [{ instance: { genesis: { path: 'genesis.json' } } }, /instance\.genesis\.path/],
    [{ instance: { genesis: { ssm: '/a', secret: 'b' } } }, /instance\.genesis is/],
    [{ instance: { genesis: { s3: 'b' } } }, /instance\.genesis is/],
    [{ instance: { genesis: {} } }, /instance\.genesis is/],
    [{ instance: { genesis: { inline: 5 } } }, /instance\.genesis\.inline is 5/],
    [{ instance: { genesis: { ssm: '/g' }, network: { name: 'n' } } }, /both genesis and network/],
    [{ instance: { network: {} } }, /instance\.network\.name is missing/],
    [{ instance: { network: { name: 'Harbour' } } }, /instance\.network\.name is "Harbour"/],
    [{ instance: { network: { name: 'n', intervalMs: 1.5 } } }, /instance\.network\.intervalMs is 1\.5/],
    [{ instance: { network: { name: 'n', development: 'yes' } } }, /instance\.network\.development is "yes"/],
    [{ instance: { network: { name: 'n', treshold: 1 } } }, /Did you mean threshold\?/],
    [{ instance: { settings: { ssm: '/x' } } }, /instance\.settings is .* a list/],
    [{ instance: { settings: [5] } }, /instance\.settings\[0\] is 5/],
    [{ instance: { settings: Array(9).fill({ ssm: '/x' }) } }, /at most 8/],
  ]
  for (const [data, expected] of cases) {
    const found = problems(data)
    t.equal(found.length, 1, JSON.stringify(data) + JSON.stringify(found))
    t.match(found[0], expected)
  }
  t.match(parseUserData('{"port": 9000,}', 'user-data'), { ok: false, error: [{ cause: /is not JSON/ }] })
})

t.test('everything that is wrong is told at once', async (t) => {
  t.equal(problems({ prot: 1, seeds: 'x', instance: { announce: 1, dataVolume: 2, huh: 3 } }).length, 5)
})
