// Runs in a machine's network: makes the node hang, through the debugger that SIGUSR1 opens in every Node.js program.
// Nothing in the node helps with it.
//
//   inside-hang.ts loop     the main thread runs for ever        inside-hang.ts core     the core thread waits for ever

const INSPECTOR = 'http://127.0.0.1:9229/json/list'
const HANG = { loop: 'for (;;);', core: 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)' } as const

const which = process.argv[2] === 'core' ? 'core' : 'loop'
const [target] = (await (await fetch(INSPECTOR)).json()) as { webSocketDebuggerUrl: string }[]
const socket = new WebSocket(target!.webSocketDebuggerUrl)
let nextId = 1
const say = (method: string, params: object): void => socket.send(JSON.stringify({ id: nextId++, method, params }))

/** A thread that hangs does not answer: the message being sent is all there is to wait for. */
function done(): void {
  setTimeout(() => process.exit(0), 500)
}

socket.addEventListener('open', () => {
  if (which === 'loop') {
    say('Runtime.evaluate', { expression: HANG.loop })
    done()
  } else say('NodeWorker.enable', { waitForDebuggerOnStart: false })
})
socket.addEventListener('message', ({ data }) => {
  const { method, params } = JSON.parse(String(data)) as { method?: string; params?: { sessionId: string; workerInfo: { title: string } } }
  if (method !== 'NodeWorker.attachedToWorker' || params === undefined || !params.workerInfo.title.includes('core-thread')) return
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: HANG.core } })
  say('NodeWorker.sendMessageToWorker', { sessionId: params.sessionId, message })
  done()
})
setTimeout(() => {
  console.error('no such thread')
  process.exit(1)
}, 10_000)
