// The status page: reads the state once, then follows it over the WebSocket. Everything that comes from the node is
// set as text, never as markup.

'use strict'

const SHOWN_BLOCKS = 12
const CHARTED_BLOCKS = 60
const COIN = 100_000_000n
const MAX_RETRY_MS = 10_000
const LIFE_POWER = 1_000_000
/** Validators and peers change slowly; they are asked for, and the longest lists are cut. */
const LISTS_EVERY_MS = 5_000
const LISTED = 50

const element = (id) => document.getElementById(id)
const number = new Intl.NumberFormat()
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

let blocks = []
let clockOffsetMs = 0
let retryMs = 1_000
let ownValidator = null
/** When the next attempt to connect is due; null while connected. */
let retryAtMs = null

function show(id, text) {
  const target = element(id)
  if (target.textContent !== text) target.textContent = text
}

/** Base units as PULSE, exactly. */
function coins(baseUnits) {
  const units = BigInt(baseUnits)
  const fraction = String(units % COIN).padStart(8, '0').replace(/0+$/, '')
  const point = number.formatToParts(1.5).find(({ type }) => type === 'decimal').value
  return number.format(units / COIN) + (fraction === '' ? '' : point + fraction)
}

function age(timestampMs) {
  const seconds = Math.max(0, Math.round((Date.now() + clockOffsetMs - timestampMs) / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

function connection(state, text) {
  element('connection').dataset.state = state
  show('connection', text)
  document.body.dataset.stale = String(state === 'lost')
}

function notice(text) {
  element('notice').hidden = text === ''
  show('notice', text)
}

function showStatus(status) {
  // Blocks are told of as they come, the state a moment later.
  show('height', number.format(Math.max(status.height, blocks[0]?.height ?? 0)))
  show('lives', number.format(status.lives))
  show('heartbeats-per-minute', decimal.format(status.heartbeatsPerMinute))
  show('blocks-per-minute', decimal.format(status.blocksPerMinute))
  show('waiting-heartbeats', number.format(status.mempool.heartbeats))
  show('waiting-transactions', number.format(status.mempool.transactions))
  show('supply', coins(status.supply))
  show('reward', coins(status.reward))
  show('validators', number.format(status.validators.length))
  show('peers', number.format(status.peers))
  connection(status.ready ? 'live' : 'waiting', status.ready ? 'Live' : 'Not ready')
  const notReady = status.ready ? [] : ['Not ready.', ...status.reasons]
  notice([...notReady, ...(status.sync === null ? [] : [syncText(status.sync)])].join(' '))
}

/** What the reasons do not say of catching up. */
const syncText = ({ heartbeatsPerS, bottleneck }) => `${number.format(Math.round(heartbeatsPerS))} heartbeats a second; most of the time it waits for ${bottleneck}.`

function cell(row, text, className = '') {
  const td = document.createElement('td')
  td.textContent = text
  td.className = className
  row.append(td)
  return td
}

/** Fills a table; what is over its length is counted in a last row, and an empty one says why. */
function list(id, items, fill, empty) {
  const body = element(id)
  const rows = items.slice(0, LISTED).map((item) => {
    const row = document.createElement('tr')
    fill(row, item)
    return row
  })
  const more = items.length - LISTED
  const last = items.length === 0 ? empty : more > 0 ? `and ${number.format(more)} more` : ''
  if (last !== '') {
    const row = document.createElement('tr')
    cell(row, last, 'quiet').colSpan = body.parentElement.tHead.rows[0].cells.length
    rows.push(row)
  }
  body.replaceChildren(...rows)
}

function showValidators({ validators, totalPower, epoch }) {
  show('epoch', `in epoch ${number.format(epoch.number)}, ${number.format(epoch.blocksLeft)} blocks left`)
  const byPower = [...validators].sort((a, b) => b.power - a.power)
  list('validator-rows', byPower, (row, validator) => {
    const { key, power, meanLives, signed, possible, barred, leaving } = validator
    cell(row, `${key.slice(0, 12)}…${key === ownValidator ? ' (this node)' : ''}`, 'id').title = key
    const share = cell(row, `${decimal.format(totalPower === 0 ? 0 : (100 * power) / totalPower)} %`, 'number')
    const meter = document.createElement('meter')
    meter.max = Math.max(1, totalPower)
    meter.value = power
    share.prepend(meter, ' ')
    cell(row, decimal.format(power / LIFE_POWER), 'number')
    cell(row, decimal.format(meanLives), 'number')
    cell(row, possible === 0 ? '–' : `${number.format(signed)} of ${number.format(possible)}`, 'number')
    cell(row, barred ? 'barred' : leaving ? 'leaving' : 'active')
  }, 'None')
}

function showPeers({ peers }) {
  list('peer-rows', peers, (row, { id, address, direction, height, latencyMs, score, reasons }) => {
    cell(row, `…${id.slice(-12)}`, 'id').title = id
    cell(row, address.replace(/\/p2p\/[^/]+$/, ''), 'id')
    cell(row, direction === 'inbound' ? 'the peer' : 'this node')
    cell(row, number.format(height), 'number')
    cell(row, latencyMs === null ? '–' : `${number.format(Math.round(latencyMs))} ms`, 'number')
    cell(row, decimal.format(score), 'number').title = reasons.join('\n')
  }, 'None: this node is alone')
}

function blockRow(block, isNew) {
  const row = document.createElement('tr')
  row.className = isNew ? 'new' : ''
  row.dataset.timestampMs = block.timestampMs
  cell(row, number.format(block.height), 'number')
  cell(row, age(block.timestampMs), 'number age')
  cell(row, number.format(block.lives), 'number')
  cell(row, number.format(block.heartbeats), 'number')
  cell(row, number.format(block.transactions), 'number')
  cell(row, coins(block.reward), 'number')
  const td = document.createElement('td')
  const link = document.createElement('a')
  link.href = `v2/blocks/${encodeURIComponent(block.height)}`
  link.textContent = `${block.id.slice(0, 12)}…`
  link.title = block.id
  td.className = 'id'
  td.append(link)
  row.append(td)
  return row
}

function drawChart() {
  const chart = element('chart')
  const shown = blocks.slice(0, CHARTED_BLOCKS).reverse()
  const most = Math.max(1, ...shown.map(({ heartbeats }) => heartbeats))
  const width = 600 / CHARTED_BLOCKS
  const bars = shown.map(({ heartbeats }, i) => {
    const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
    const height = Math.max(1, (110 * heartbeats) / most)
    const place = { x: (CHARTED_BLOCKS - shown.length + i) * width + 1, y: 120 - height, width: width - 2, height }
    for (const [name, value] of Object.entries(place)) bar.setAttribute(name, value)
    return bar
  })
  chart.replaceChildren(...bars)
  const sum = shown.reduce((total, { heartbeats }) => total + heartbeats, 0)
  const label = `${number.format(sum)} heartbeats in the last ${shown.length} blocks, at most ${number.format(most)} in one`
  chart.setAttribute('aria-label', label)
}

function showBlocks(list) {
  blocks = list
  element('blocks').replaceChildren(...blocks.slice(0, SHOWN_BLOCKS).map((block) => blockRow(block, false)))
  drawChart()
  showAges()
}

function addBlock(block) {
  if (blocks.length > 0 && block.height !== blocks[0].height + 1) {
    if (block.height > blocks[0].height) void load().catch(() => undefined)
    return
  }
  blocks = [block, ...blocks].slice(0, CHARTED_BLOCKS)
  const body = element('blocks')
  body.prepend(blockRow(block, true))
  while (body.childElementCount > SHOWN_BLOCKS) body.lastElementChild.remove()
  show('height', number.format(block.height))
  drawChart()
  showAges()
}

function showAges() {
  for (const row of element('blocks').children) row.querySelector('.age').textContent = age(Number(row.dataset.timestampMs))
  show('last-block', blocks.length === 0 ? '–' : `${age(blocks[0].timestampMs)} ago`)
}

async function read(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } })
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return response.json()
}

async function load() {
  const [node, status, page] = await Promise.all([read('v2/node'), read('status'), read(`v2/blocks?limit=${CHARTED_BLOCKS}`)])
  clockOffsetMs = node.nowMs - Date.now()
  ownValidator = node.validator
  show('network', node.network)
  show('version', `pulse-node ${node.version}`)
  document.title = `${node.network} · Pulse node`
  showStatus(status)
  showBlocks(page.blocks)
  await loadLists()
}

async function loadLists() {
  const [validators, peers] = await Promise.all([read('v2/validators'), read('v2/peers')])
  showValidators(validators)
  showPeers(peers)
}

function retry() {
  retryAtMs = Date.now() + retryMs
  setTimeout(connect, retryMs)
  retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)
  showRetry()
}

function showRetry() {
  if (retryAtMs === null) return
  connection('lost', `Connection lost, next try in ${Math.max(0, Math.ceil((retryAtMs - Date.now()) / 1_000))} s`)
  notice('The node does not answer. What is shown is the last that it said.')
}

function connect() {
  const url = new URL('v2/ws', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  socket.addEventListener('open', async () => {
    socket.send(JSON.stringify({ type: 'subscribe', topics: ['blocks', 'status'] }))
    retryAtMs = null
    try {
      await load()
      retryMs = 1_000
    } catch {
      socket.close()
    }
  })
  socket.addEventListener('message', ({ data }) => {
    const frame = JSON.parse(data)
    if (frame.type === 'block') addBlock(frame.block)
    if (frame.type === 'status') showStatus(frame.status)
  })
  socket.addEventListener('close', retry)
}

setInterval(() => {
  showAges()
  showRetry()
}, 1_000)
setInterval(() => {
  if (retryAtMs === null && !document.hidden) loadLists().catch(() => undefined)
}, LISTS_EVERY_MS)
connect()
