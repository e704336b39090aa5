// What the API shows of the validators, and of the parameters.

import type { ParamsView, ValidatorsView } from '../api/backend.ts'
import { binToHex, toHex } from '../base/bytes.ts'
import { keyBinToText } from '../crypto/keys.ts'
import { lastHeightOf } from '../ledger/epoch.ts'
import { meanLife } from '../ledger/power.ts'
import type { Ledger } from '../ledger/state.ts'
import { paramsRoot } from '../protocol/params.ts'
import { LIFE, totalPower } from '../protocol/validators.ts'
import { paramsJson } from './transaction-view.ts'

export function validatorsView(ledger: Ledger): ValidatorsView {
  const { height, params, validators, governance } = ledger
  const { epoch, members, barred, registrars, paramsSince } = governance
  const lastHeight = lastHeightOf(ledger)
  const elected = new Set(validators.map(({ key }) => key))
  return {
    height,
    epoch: { number: epoch.number, firstHeight: epoch.start + 1, lastHeight, blocksLeft: lastHeight - height, startMs: epoch.startMs },
    enrolled: params.enrolled,
    totalPower: totalPower(validators),
    validators: validators.map(({ key, nodeKey, power }, i) => {
      // Who was barred may validate on without being a member, if there was no other left.
      const member = members.find((each) => each.key === key)
      return {
        key: binToHex(key),
        nodeKey: binToHex(nodeKey),
        base: member?.base ?? 0,
        power,
        lives: epoch.lives[i]!,
        meanLives: meanLife(member?.history ?? [], params.lifeWindowEpochs) / LIFE,
        signed: epoch.signed[i]!,
        possible: Math.max(0, height - epoch.start - 1),
        since: member?.since ?? 0,
        leaving: member?.leaving ?? false,
        barred: barred.includes(key),
      }
    }),
    waiting: members
      .filter(({ key }) => !elected.has(key))
      .map(({ key, nodeKey, base }) => ({ key: binToHex(key), nodeKey: binToHex(nodeKey), base })),
    barred: barred.map(binToHex),
    registrars: registrars.map(({ key, used }) => ({ key: keyBinToText(key), used, quota: params.enrolmentsPerEpoch })),
    paramsSince,
    change: pendingChange(ledger),
  }
}

export function paramsView(ledger: Ledger): ParamsView {
  const { height, params, governance } = ledger
  const { change, paramsSince } = governance
  const pending = pendingChange(ledger)
  return {
    height,
    params: paramsJson(params),
    paramsRoot: toHex(paramsRoot(params)),
    paramsSince,
    change: change === null || pending === null ? null : { ...pending, params: paramsJson(change.params) },
  }
}

/** A change takes effect with the first epoch that begins at its activation height or later. */
function pendingChange(ledger: Ledger): { activationHeight: number; effectiveHeight: number } | null {
  const { change } = ledger.governance
  if (change === null) return null
  const { activationHeight } = change
  const nextEpoch = lastHeightOf(ledger) + 1
  const epochs = Math.max(0, Math.ceil((activationHeight - nextEpoch) / ledger.params.epochBlocks))
  return { activationHeight, effectiveHeight: nextEpoch + epochs * ledger.params.epochBlocks }
}
