import { readFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { createClient } from 'redis'
import type { Result } from './result.js'

export interface About {
  readonly path: string
  readonly title: string
  /** The packages whose versions are told. */
  readonly packages: readonly string[]
}

type Head = Pick<Result, 'path' | 'title' | 'date' | 'node' | 'redis' | 'machine' | 'load' | 'versions'>

/** What there is to say about a run: what ran, when, and where. */
export async function about({ path, title, packages }: About): Promise<Head> {
  const versions = await Promise.all(packages.map(async (name) => [name, await version(name)] as const))
  return {
    path,
    title,
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    redis: await redisVersion(),
    machine: `${cpus().length} × ${cpus()[0]!.model}`,
    load: loadavg()[0]!,
    versions: Object.fromEntries(versions)
  }
}

/** Of the peers if it is one of them, or of the package's own dependencies: they are installed apart. */
async function version(name: string): Promise<string> {
  const read = (place: string) => readFile(`${place}node_modules/${name}/package.json`, 'utf8')
  return JSON.parse(await read('bench/').catch(() => read(''))).version
}

async function redisVersion(): Promise<string> {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  const [, version] = /redis_version:(\S+)/.exec(await client.info('server'))!
  await client.disconnect()
  return version!
}
