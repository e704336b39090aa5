// The types of libp2p that this folder speaks in, taken from the packages that it depends on.

import type { Libp2p } from 'libp2p'

export type PeerId = Libp2p['peerId']
export type Connection = ReturnType<Libp2p['getConnections']>[number]
export type Stream = Awaited<ReturnType<Connection['newStream']>>
