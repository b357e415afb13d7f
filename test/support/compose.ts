import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export interface Service {
  readonly command?: readonly string[]
  readonly environment?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

interface Compose {
  readonly services: Record<string, Service>
  readonly configs?: Record<string, { readonly content: string }>
}

/** A compose file with `${NAME}` and `${NAME:?message}` filled in, and what it asks for without being given. */
export function compose(file: string, env: Record<string, string>): Compose {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  const filled = text.replace(/\$\{(\w+)(?::\?[^}]*)?\}/g, (_match, name: string) => {
    const value = env[name]
    if (value === undefined) throw new Error(`${file} asks for ${name}`)
    return value
  })
  return parse(filled)
}
