// Validators and parameters, for people.

import type { ParamsView, ValidatorsView } from '../api/backend.ts'
import { record, rows } from './output.ts'
import { differences, differenceTable } from './params-text.ts'
import { livesText, shareText } from './power-text.ts'

/** Hex digits that tell keys apart. */
const SHORT_LENGTH = 8

export const validatorsText = (view: ValidatorsView): string => `${summary(view)}\n${table(view)}${others(view)}`

export function paramsText({ params, paramsRoot, paramsSince, change }: ParamsView): string {
  const all = record([
    ...Object.entries(params).map(([name, value]) => [name, String(value)] as const),
    ['', ''],
    ['root', paramsRoot],
    ['since', sinceText(paramsSince)],
  ])
  return change === null ? all : `${all}\nFrom block ${change.effectiveHeight} on:\n\n${differenceTable(differences(params, change.params))}`
}

const sinceText = (height: number): string => (height === 0 ? 'the genesis' : `block ${height}`)

function summary({ epoch, enrolled, registrars, totalPower, paramsSince, change }: ValidatorsView): string {
  return record([
    ['epoch', `${epoch.number}: blocks ${epoch.firstHeight} to ${epoch.lastHeight}, ${epoch.blocksLeft} left`],
    ['power', `${livesText(totalPower)} lives together; ${enrolled ? 'enrolled lives give power' : 'lives give none: the network is open'}`],
    ['parameters', `since ${sinceText(paramsSince)}${change === null ? '' : `; a change takes effect with block ${change.effectiveHeight}`}`],
    ...registrars.map(({ key, used, quota }, i) => [i === 0 ? 'registrars' : '', `${key}, ${used} of ${quota} lives in this epoch`] as const),
  ])
}

function table({ validators, totalPower }: ValidatorsView): string {
  const body = validators.map((validator) => [
    short(validator.key),
    shareText(validator.power, totalPower),
    livesText(validator.power),
    livesText(validator.base),
    String(Math.round(100 * validator.meanLives) / 100),
    String(validator.lives),
    `${validator.signed}/${validator.possible}`,
    String(validator.since),
    stateText(validator),
  ])
  return rows(['validator', 'share', 'power', 'base', 'mean', 'lives', 'signed', 'since', 'state'], body)
}

const stateText = ({ barred, leaving }: ValidatorsView['validators'][number]): string => (barred ? 'barred' : leaving ? 'leaving' : 'active')

function others({ waiting, barred, epoch }: ValidatorsView): string {
  const lines = [
    ...waiting.map(({ key, base }) => `${short(key)} validates from block ${epoch.lastHeight + 1} on, with ${base === 0 ? 'no base power' : `base power ${livesText(base)}`}.`),
    ...barred.map((key) => `${short(key)} signed twice and is barred for good.`),
  ]
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}

const short = (key: string): string => key.slice(0, SHORT_LENGTH)
