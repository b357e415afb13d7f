import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

interface Service {
  readonly command: readonly string[]
  readonly configs?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly configs?: Readonly<Record<string, { readonly content: string }>>
}

/** A compose file of this package, with the variables that it asks for filled in. */
export function compose(file: string, variables: Readonly<Record<string, string>>): Compose {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  const filled = text.replace(/\$\{(\w+)(?::\?[^}]*)?\}/g, (_match, name: string) => {
    if (variables[name] === undefined) throw new Error(`${file} asks for ${name}`)
    return variables[name]
  })
  return parse(filled, { merge: true })
}

/** What a service gives to redis-server, its configuration file as arguments too, with other places for files and ports. */
export function redisArguments(
  { services, configs }: Compose,
  name: string,
  places: Readonly<Record<string, string>> = {}
): string[] {
  const { command, configs: [config] = [] } = services[name]!
  const lines = config === undefined ? [] : configs![config]!.content.trim().split('\n')
  const [program, ...args] = command
  if (program !== 'redis-server') throw new Error(`not a redis-server: ${program}`)
  const settings = lines.filter((line) => line !== 'port 0').flatMap((line) => `--${line}`.split(' '))
  return [...settings, ...args.filter((arg) => arg !== `/${config}`)].map((arg) => places[arg] ?? arg)
}
