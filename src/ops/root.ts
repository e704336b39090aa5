// Where the program lies: two levels up from this file, be it in src/ops, in dist/ops, or joined with others in a bundle's dist/cli.

export const ROOT = new URL('../../', import.meta.url)
