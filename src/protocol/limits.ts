// The maximums of the wire and of blocks, in one place. The genesis may set lower values, never higher ones.
// Each is tested at the limit and one past it. Local policy (queue sizes, rates) is configuration: see ops/settings.ts.
// What bounds the governance state (seats, memberships, barred keys) stands beside its rules: ledger/govern.ts, ledger/governance.ts.

/** Heartbeats in a block. */
export const MAX_BLOCK_HEARTBEATS = 32_768
/** Transactions in a block. */
export const MAX_BLOCK_TRANSACTIONS = 8_192
/** Serialized block body, bytes. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024
/** Serialized block: header, offsets and body, bytes. */
export const MAX_BLOCK_BYTES = MAX_BODY_BYTES + 16_384
/** Heartbeats in a witness's bundle. */
export const MAX_BUNDLE_HEARTBEATS = 128
/** One serialized transaction: kind, fields, signatures. A change of parameters that 128 validators approve takes 12.7 kB. */
export const MAX_TRANSACTION_BYTES = 16_384
/** Memo of a transfer, bytes of UTF-8. */
export const MAX_MEMO_BYTES = 128
export const MAX_VALIDATORS = 128
export const MAX_REGISTRARS = 64
/** Lives that one transaction enrols. */
export const MAX_ENROLMENT_DEVICES = 256
/** Epochs whose lives make a validator's power. */
export const MAX_LIFE_WINDOW_EPOCHS = 1_024
/** Accounts that a genesis may fund or enrol. */
export const MAX_GENESIS_ACCOUNTS = 4_096
/** The account tree has 2^32 leaves. */
export const ACCOUNT_TREE_DEPTH = 32
/** Rounds of one height. A network that needs more has other troubles; a higher number is a hostile message. */
export const MAX_ROUND = 1_000_000
/** Rounds of a height that a node tells its peers of. */
export const MAX_ROUNDS_SHOWN = 64
/** Sum of all voting power: stays below 2^50, so that 3 × power is an exact integer. */
export const MAX_TOTAL_POWER = 2 ** 50
/** Sum of all base power: life power is at most twice that. */
export const MAX_TOTAL_BASE = Math.floor(MAX_TOTAL_POWER / 4)
/** Levels that a device reports: 0…7. */
export const MAX_LEVEL = 7
/** Network name, bytes of UTF-8. */
export const MAX_NETWORK_NAME_BYTES = 32
/** RR intervals in the vitals of one heartbeat. */
export const MAX_RR_INTERVALS = 64
/** Motion samples in the vitals of one heartbeat. */
export const MAX_MOTION_SAMPLES = 64
