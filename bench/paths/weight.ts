// What an app takes on with the package, beside Fastify: packages, bytes on the disk, and bytes of a bundle.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { tally } from '../harness.js'
import type { Role } from '../result.js'

const byHand = ['redis', '@fastify/jwt', '@fastify/cookie', '@fastify/rate-limit']
/** connect-redis asks for the last two, and installs neither. */
const SESSIONS = ['@fastify/session', 'connect-redis', 'express-session', '@redis/client']
const stacks: readonly (readonly [name: string, role: Role, packages: readonly string[]])[] = [
  ['fastify-redis-auth', 'ours', []],
  [`${byHand.join(', ')}: all by hand`, 'limit', byHand],
  ...[
    SESSIONS,
    [...SESSIONS, '@fastify/rate-limit', 'bentocache', 'ioredis'],
    ['better-auth'],
    ['better-auth', '@fastify/rate-limit', 'bentocache', 'ioredis'],
    ['bentocache', 'ioredis'],
    ['cacheable', '@keyv/redis'],
    ['cache-manager', 'keyv', '@keyv/redis'],
    ['async-cache-dedupe', 'ioredis']
  ].map((packages) => [packages.join(', '), 'peer', packages] as const)
]

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
}

const manifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** Where a package is installed for who is in `from`. */
function installed(name: string, from: string): string {
  const folder = join(from, 'node_modules', name)
  if (existsSync(folder)) return folder
  if (dirname(from) === from) throw new Error(`${name} is not installed`)
  return installed(name, dirname(from))
}

/** The folders of packages and of all that they depend on; Fastify, which the app has, is not among them. */
function closure(names: readonly string[], from: string, found = new Set<string>()): Set<string> {
  for (const name of names) {
    const folder = installed(name, from)
    if (name === 'fastify' || found.has(folder)) continue
    found.add(folder)
    closure(Object.keys(manifest(folder).dependencies ?? {}), folder, found)
  }
  return found
}

/** The bytes of a package, without those of the packages in it. */
function weigh(folder: string): number {
  const sizes = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? 0 : weigh(path)
    return statSync(path).size
  })
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** All that the entries export in one minified file, beside Fastify and what is built into Node. */
async function bundle(entries: readonly string[], resolveDir: string): Promise<Uint8Array> {
  const contents = entries.map((entry, n) => `export * as _${n} from ${JSON.stringify(entry)}`).join('\n')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external: ['fastify', ...OPTIONAL],
    logLevel: 'error'
  })
  return outputFiles[0]!.contents
}

/** What packages import only where it is installed. */
const OPTIONAL = ['msgpackr', 'js-redis-server', 'prom-client']

export default async () => {
  const root = resolve('.')
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--silent'], { encoding: 'utf8' })
  )
  const rows = []
  for (const [name, role, packages] of stacks) {
    const ours = packages.length === 0
    const from = ours ? root : join(root, 'bench')
    const folders = [...closure(ours ? Object.keys(manifest(root).dependencies!) : packages, from)]
    const bytes = folders.map(weigh).reduce((sum, size) => sum + size, ours ? packed.unpackedSize : 0)
    const bundled = await bundle(ours ? ['./dist/index.js'] : packages, from)
    const sizes = [bytes, bundled.length, gzipSync(bundled).length].map((size) => Math.round(size / 1000))
    rows.push({ name, role, figures: [folders.length + (ours ? 1 : 0), ...sizes] })
  }
  const weights = await tally({
    path: 'weight',
    title: 'What an app takes on beside Fastify',
    packages: [...new Set(stacks.flatMap(([, , packages]) => packages))],
    columns: ['packages', 'on the disk, KB', 'bundled and minified, KB', 'the same, gzipped, KB'],
    rows,
    goals: []
  })
  const { size, unpackedSize, entryCount } = packed
  const tarball = await tally({
    path: 'tarball',
    title: 'The package as it is published',
    packages: [],
    columns: ['files', 'packed, KB', 'unpacked, KB'],
    rows: [
      {
        name: 'fastify-redis-auth',
        role: 'ours',
        figures: [entryCount, Math.round(size / 1000), Math.round(unpackedSize / 1000)]
      }
    ],
    goals: []
  })
  return [weights, tarball]
}
