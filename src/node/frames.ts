// Kinds of consensus messages, on gossip and in answers: the first byte of each.

export const FRAME = { vote: 1, proposal: 2, quorum: 3, announcement: 4 } as const
