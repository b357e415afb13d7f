import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import type { Test } from 'tap'
import { startTestRedis } from '../../src/testing.js'

/** A Redis to test against, whose keys under `keyPrefix` are this test's alone. */
export interface TestRedis {
  readonly url: string
  readonly keyPrefix: string
}

const { REDIS_SERVER } = process.env
const candidates = REDIS_SERVER === undefined ? ['redis-server', 'valkey-server'] : [REDIS_SERVER]

/** The program that REDIS_SERVER names, or one on the PATH. */
export const binary = candidates.find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})
if (REDIS_SERVER !== undefined && binary === undefined)
  throw new Error(`REDIS_SERVER does not run: ${REDIS_SERVER}`)

/** REDIS_URL, or a private redis-server or valkey-server, or without either the embedded engine. */
export async function redis(t: Test): Promise<TestRedis> {
  const keyPrefix = `test-${process.pid}-${Math.random().toString(36).slice(2)}:`
  const { REDIS_URL } = process.env
  if (REDIS_URL !== undefined) return { url: REDIS_URL, keyPrefix }
  if (binary !== undefined) return { url: (await RedisServer.start(t)).url, keyPrefix }
  const engine = await startTestRedis()
  t.teardown(engine.close)
  return { url: engine.url, keyPrefix }
}

/** Whether tests run on the embedded engine, whose SCAN promises less than that of Redis; then the test is skipped. CI never skips. */
export function embedded(t: Test): boolean {
  if (binary !== undefined || process.env.REDIS_URL !== undefined) return false
  skip(t)
  return true
}

function skip(t: Test): void {
  if (process.env.CI) throw new Error('redis-server is not installed, and CI skips no test')
  t.pass('not run', { skip: 'needs redis-server or valkey-server on the PATH' })
}

/** A private server that a test may kill and freeze; undefined, after skipping the test, where none is installed. CI never skips. */
export async function server(t: Test, ...args: string[]): Promise<RedisServer | undefined> {
  if (binary !== undefined) return RedisServer.start(t, ...args)
  skip(t)
  return undefined
}

/** A connected client of the test's own, to look at what is in Redis. */
export async function observer(t: Test, url: string, password?: string) {
  const client = createClient({ url, ...(password !== undefined && { password }) })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.disconnect().catch(() => {}))
  return client
}

/** A number in INFO, such as `connected_clients` in section `clients`. */
export const infoNumber = async (
  client: { info(section: string): Promise<string> },
  section: string,
  name: string
): Promise<number> => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await client.info(section))?.[1])

/** Waits until a replica of this master has all that was written. WAIT would not do: it waits for what its own connection wrote. */
export async function inStep(master: { info(section: string): Promise<string> }): Promise<void> {
  const caughtUp = async () => {
    const text = await master.info('replication')
    const [, offset] = /^master_repl_offset:(\d+)/m.exec(text)!
    return text.includes(`,state=online,offset=${offset},`)
  }
  await until(caughtUp, 20_000)
}

/**
 * A port where nobody listens, not even while its server is away: `listen(0)` and outgoing
 * connections are given higher ones, and so are the nodes of a cluster for each other, 10,000 above.
 */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(randomInt(12_000, 22_000), '127.0.0.1')
  const listens = await once(listener, 'listening').catch(() => undefined)
  if (listens === undefined) return freePort()
  const { port } = listener.address() as { port: number }
  listener.close()
  await once(listener, 'close')
  return port
}

/** Waits until `condition` holds, at most `timeout` ms, and answers how long it took. */
export async function until(condition: () => unknown, timeout = 5000): Promise<number> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > timeout) throw new Error(`not within ${timeout} ms: ${condition}`)
    await sleep(5)
  }
  return performance.now() - start
}

export class RedisServer {
  readonly port: number
  readonly #args: readonly string[]
  readonly #directory = mkdtempSync(join(tmpdir(), 'fastify-redis-auth-'))
  readonly #file = join(this.#directory, 'redis.conf')
  #process: ChildProcess | undefined

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
  }

  static start(t: Test, ...args: string[]): Promise<RedisServer> {
    return RedisServer.#open(t, args)
  }

  /** A sentinel, whose configuration begins with these lines. */
  static sentinel(t: Test, lines: readonly string[], ...args: string[]): Promise<RedisServer> {
    return RedisServer.#open(t, [...args, '--sentinel'], lines)
  }

  static async #open(t: Test, args: readonly string[], lines: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), args)
    t.teardown(() => server.#remove())
    writeFileSync(server.#file, lines.join('\n'))
    await server.start()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#directory]
    this.#process = spawn(binary!, [this.#file, ...own, ...this.#args], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    let said = ''
    for await (const chunk of this.#process.stdout!) {
      said += chunk
      if (/Ready to accept connections|Sentinel ID/.test(said)) return void this.#process.stdout!.destroy()
    }
    throw new Error(`${binary} did not start: ${said}`)
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const ended = once(this.#process!, 'exit')
    this.#process!.kill('SIGKILL')
    await ended
  }

  /** Stops it from answering, with its connections open. */
  freeze(): void {
    this.#process!.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process!.kill('SIGCONT')
  }

  async #remove(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
