// Why something was refused: stable codes, reused as API error code, metric label and log field.
//
// The order is that of the checks, cheap to costly. `reject`: the sender broke the rules (on gossip its score pays).
// `ignore`: policy, timing or repetition, which an honest peer may cause too.

export type Verdict = 'ignore' | 'reject'

interface ReasonInfo {
  readonly verdict: Verdict
  /** HTTP status when a client asked. */
  readonly status: number
  readonly text: string
}

const reasons = {
  malformed: { verdict: 'reject', status: 400, text: 'The message is not in the canonical encoding.' },
  too_large: { verdict: 'reject', status: 413, text: 'The message is larger than the limit.' },
  wrong_network: { verdict: 'reject', status: 422, text: 'The message was signed for another network (genesis hash).' },
  wrong_witness: { verdict: 'ignore', status: 422, text: 'The heartbeat names another node as its witness. Read /v2/node for the key of this one.' },
  too_old: { verdict: 'ignore', status: 422, text: 'The timestamp is too far in the past. Compare the clock with /v2/node.' },
  from_future: { verdict: 'ignore', status: 422, text: 'The timestamp is in the future. Compare the clock with /v2/node.' },
  out_of_range: { verdict: 'reject', status: 422, text: 'A value is outside its permitted range.' },
  levels_mismatch: { verdict: 'reject', status: 422, text: 'The signed levels do not follow from the vitals.' },
  evidence_mismatch: { verdict: 'reject', status: 422, text: 'The signed evidence does not commit to these vitals and nonce.' },
  duplicate: { verdict: 'ignore', status: 409, text: 'This very message is already known.' },
  sequence_replayed: { verdict: 'ignore', status: 409, text: 'The sequence number is not above the last one of this device.' },
  equivocation: { verdict: 'ignore', status: 409, text: 'The device signed two different heartbeats with one sequence number.' },
  too_fast: { verdict: 'ignore', status: 429, text: 'Too many from this key in a short time: wait, and try again.' },
  not_enrolled: { verdict: 'ignore', status: 403, text: 'This network counts enrolled lives only, and this key is not enrolled.' },
  expired: { verdict: 'ignore', status: 422, text: 'The expiry height has passed.' },
  nonce_used: { verdict: 'ignore', status: 409, text: 'The nonce has been used. Read the account for the next one.' },
  nonce_conflict: { verdict: 'ignore', status: 409, text: 'Another transfer with this nonce is already waiting.' },
  nonce_gap: { verdict: 'ignore', status: 422, text: 'The nonce leaves a gap. Read the account for the next one.' },
  sender_not_alive: { verdict: 'ignore', status: 422, text: 'The sender has no recent committed heartbeat.' },
  insufficient_balance: { verdict: 'ignore', status: 422, text: 'The balance, less the transfers that are waiting, is too small.' },
  below_minimum: { verdict: 'ignore', status: 422, text: 'A transfer that opens an account must carry the minimum amount.' },
  not_registrar: { verdict: 'ignore', status: 403, text: 'The key that signed the enrolment is no registrar of this network.' },
  quota_exceeded: { verdict: 'ignore', status: 429, text: 'The registrar has used its quota of this epoch.' },
  already_enrolled: { verdict: 'ignore', status: 409, text: 'All these keys are enrolled already.' },
  already_validator: { verdict: 'ignore', status: 409, text: 'The validator or node key has joined already.' },
  not_validator: { verdict: 'ignore', status: 403, text: 'The key is no validator, or was none at that height.' },
  last_validator: { verdict: 'ignore', status: 409, text: 'The last validator with base power cannot leave.' },
  validators_full: { verdict: 'ignore', status: 503, text: 'The network has as many validators as it may have, or as much power.' },
  barred: { verdict: 'ignore', status: 403, text: 'The key has signed twice and is barred for good.' },
  not_approved: { verdict: 'ignore', status: 422, text: 'The approvals carry no more than two thirds of the voting power.' },
  outdated: { verdict: 'ignore', status: 409, text: 'It was signed for an earlier state of the network: sign it again.' },
  change_waiting: { verdict: 'ignore', status: 409, text: 'Another change of the parameters waits for its activation.' },
  mempool_full: { verdict: 'ignore', status: 503, text: 'The mempool is full. Try again later.' },
  draining: { verdict: 'ignore', status: 503, text: 'The node is stopping.' },
  bad_signature: { verdict: 'reject', status: 422, text: 'The signature does not verify.' },
} as const satisfies Record<string, ReasonInfo>

export type Reason = keyof typeof reasons

export const REASONS: Readonly<Record<Reason, ReasonInfo>> = reasons
