// Which methods a path has: what separates 405 (with Allow) from 404.

import type { RouteOptions } from 'fastify'

export class MethodTable {
  readonly #routes: { readonly segments: readonly string[]; readonly method: string }[] = []

  add({ url, method }: Pick<RouteOptions, 'method'> & { readonly url: string }): void {
    if (url.includes('*')) return
    for (const name of [method].flat()) this.#routes.push({ segments: url.split('/'), method: name })
  }

  /** Methods of the resource at `url` (path and query as sent), sorted; empty if there is none. */
  allowed(url: string): string[] {
    const segments = url.split(/[?#]/, 1)[0]!.split('/')
    const fits = (template: string, i: number): boolean => template === segments[i] || (template.startsWith(':') && segments[i] !== '')
    const found = this.#routes.filter((route) => route.segments.length === segments.length && route.segments.every(fits))
    return [...new Set(found.map(({ method }) => method))].sort()
  }
}
