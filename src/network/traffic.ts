// Counts the bytes of all connections, as they are on the wire. libp2p shows a connection to its metrics before it is encrypted;
// everything else that it would tell them is not wanted here.

import type { Libp2pOptions } from 'libp2p'

type LibMetrics = ReturnType<NonNullable<Libp2pOptions['metrics']>>

/** What a connection has besides its declared type: its socket hands it what comes in by this. */
interface Receiver {
  onData(data: Uint8Array): void
}

const nothing = (): void => undefined
const instrument = { update: nothing, increment: nothing, decrement: nothing, reset: nothing, observe: nothing, timer: () => nothing }

export function createTrafficMeter(count: (direction: 'in' | 'out', bytes: number) => void): LibMetrics {
  const meter = {
    trackMultiaddrConnection(connection: Parameters<LibMetrics['trackMultiaddrConnection']>[0]): void {
      const receiver = connection as unknown as Receiver
      const receive = receiver.onData.bind(connection)
      const send = connection.send.bind(connection)
      receiver.onData = (data) => {
        count('in', data.byteLength)
        receive(data)
      }
      connection.send = (data) => {
        count('out', data.byteLength)
        return send(data)
      }
    },
    trackProtocolStream: nothing,
    registerMetric: () => instrument,
    registerMetricGroup: () => instrument,
    registerCounter: () => instrument,
    registerCounterGroup: () => instrument,
    registerHistogram: () => instrument,
    registerHistogramGroup: () => instrument,
    registerSummary: () => instrument,
    registerSummaryGroup: () => instrument,
    traceFunction: <T>(_name: string, traced: T): T => traced,
    createTrace: nothing,
  }
  return meter
}
