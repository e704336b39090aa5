// Collects the checks of an image test: each passes, fails or is skipped, and may carry a figure. Prints them as they come,
// a table at the end, and a last line `N passed, N failed, N skipped`.

export interface Report {
  /** @param run throws if the check fails; returns a figure for the table @returns whether it passed */
  check(name: string, run: () => Promise<string | void> | string | void): Promise<boolean>
  skip(name: string, why: string): void
  /** Something measured that is no check. */
  note(name: string, figure: string): void
  /** How many checks have failed. */
  readonly failed: number
  /** @returns the exit code */
  finish(): number
}

interface Line {
  readonly result: 'ok' | 'FAILED' | 'skipped' | ''
  readonly name: string
  readonly figure: string
  readonly seconds: number | null
}

export function createReport(print: (line: string) => void = console.log): Report {
  const lines: Line[] = []

  const count = (result: Line['result']): number => lines.filter((line) => line.result === result).length

  function add(line: Line): void {
    lines.push(line)
    print(text(line))
  }

  return {
    async check(name, run) {
      const startedMs = performance.now()
      const seconds = (): number => (performance.now() - startedMs) / 1_000
      try {
        add({ result: 'ok', name, figure: (await run()) ?? '', seconds: seconds() })
        return true
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        add({ result: 'FAILED', name, figure: why.trim().split('\n').slice(0, 20).join('\n          '), seconds: seconds() })
        return false
      }
    },
    skip: (name, why) => add({ result: 'skipped', name, figure: `skipped: ${why}`, seconds: null }),
    note: (name, figure) => add({ result: '', name, figure, seconds: null }),
    get failed() {
      return count('FAILED')
    },
    finish() {
      print('\n' + lines.map((line) => text({ ...line, figure: line.figure.split('\n')[0]! })).join('\n') + '\n')
      print(`${count('ok')} passed, ${count('FAILED')} failed, ${count('skipped')} skipped`)
      return count('FAILED') === 0 && count('ok') > 0 ? 0 : 1
    },
  }
}

const text = ({ result, name, figure, seconds }: Line): string =>
  `${result.padEnd(8)}  ${name.padEnd(58)} ${seconds === null ? ''.padStart(8) : `${seconds.toFixed(1)} s`.padStart(8)}  ${figure}`.trimEnd()
