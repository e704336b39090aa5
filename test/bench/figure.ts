// What a bench reports: figures with their unit, their spread over repetitions, and the target that they are held against.

import { maximum, median, minimum } from './stats.ts'

export type Unit = '/s' | 'ratio' | 'µs' | 'ms' | 's' | 'MB' | 'bytes' | 'count' | 'cores'

export interface Target {
  readonly atMost?: number
  readonly atLeast?: number
}

export interface Figure {
  /** Words; unique within its bench. */
  readonly name: string
  readonly value: number
  readonly unit: Unit
  /** Lowest and highest of the repetitions whose median is the value. */
  readonly spread?: readonly [low: number, high: number]
  readonly repetitions?: number
  readonly target?: Target
}

export interface Report {
  readonly bench: string
  readonly figures: readonly Figure[]
  /** Whole sentences: how the figures came about, and what went wrong. */
  readonly notes: readonly string[]
  readonly seconds: number
}

/** The median of repetitions, with their spread. */
export function repeated(name: string, values: readonly number[], unit: Unit, target?: Target): Figure {
  const figure: Figure = { name, value: median(values), unit, spread: [minimum(values), maximum(values)], repetitions: values.length }
  return target === undefined ? figure : { ...figure, target }
}

/** Null for a figure without a target. */
export function isMet({ value, target }: Figure): boolean | null {
  if (target === undefined) return null
  return value <= (target.atMost ?? Infinity) && value >= (target.atLeast ?? -Infinity)
}

/** Rounded as far as such a figure means something. */
export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '–'
  switch (unit) {
    case '/s':
      return `${grouped(value)}/s`
    case 'count':
      return grouped(value)
    case 'ratio':
      return value.toFixed(2)
    case 'cores':
      return `${value.toFixed(2)} cores`
    case 'µs':
      return `${value.toFixed(1)} µs`
    case 's':
      return `${value.toFixed(2)} s`
    case 'ms':
      return `${value < 10 ? value.toFixed(1) : grouped(value)} ms`
    case 'MB':
      return `${grouped(value)} MB`
    case 'bytes':
      return `${grouped(value)} bytes`
  }
}

export function formatTarget({ target, unit }: Figure): string {
  if (target === undefined) return ''
  return target.atMost === undefined ? `≥ ${formatValue(target.atLeast ?? NaN, unit)}` : `≤ ${formatValue(target.atMost, unit)}`
}

export function formatSpread({ spread, repetitions, unit }: Figure): string {
  return spread === undefined ? '' : `${formatValue(spread[0], unit)} … ${formatValue(spread[1], unit)} (${repetitions})`
}

export function formatMet(figure: Figure): string {
  const met = isMet(figure)
  return met === null ? '' : met ? 'yes' : 'no'
}

const grouped = (value: number): string => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ' ')
