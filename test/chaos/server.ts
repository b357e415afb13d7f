import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { binary, freePort } from '../support/redis.js'
import type { Network } from './network.js'
import type { Scope } from './scope.js'

const PASSWORD = 'of the storm'

type Client = ReturnType<typeof createClient>

/** The one Redis, at the other end of the network. What it acknowledges is on its disk. */
export class Server {
  readonly #network: Network
  readonly #port: number
  readonly #directory = mkdtempSync(join(tmpdir(), 'chaos-'))
  #process: ChildProcess | undefined

  private constructor(network: Network, port: number) {
    this.#network = network
    this.#port = port
  }

  static async start(scope: Scope, network: Network): Promise<Server> {
    const server = new Server(network, await freePort())
    scope.teardown(() => server.#remove())
    await server.start()
    return server
  }

  /** Where the apps find it. */
  async url(): Promise<string> {
    return `redis://:${encodeURIComponent(PASSWORD)}@${await this.#network.address(this.#port)}`
  }

  async start(password = PASSWORD): Promise<void> {
    const { host, prefix } = this.#network
    const [command, ...args] = [...prefix, binary!]
    const settings = {
      port: this.#port,
      bind: host,
      dir: this.#directory,
      requirepass: password,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
      'enable-debug-command': 'yes'
    }
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    this.#process = spawn(command!, [...args, ...options], { stdio: ['ignore', 'pipe', 'ignore'] })
    for await (const chunk of this.#process.stdout!)
      if (String(chunk).includes('Ready to accept connections')) break
    this.#process.stdout!.destroy()
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const ended = once(this.#process!, 'exit')
    this.#process!.kill('SIGKILL')
    await ended
  }

  freeze(): void {
    this.#process!.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process!.kill('SIGCONT')
  }

  /** A connection of the storm's own, that does not come back by itself. */
  async connect(): Promise<Client> {
    const client = createClient({
      password: PASSWORD,
      socket: { host: this.#network.host, port: this.#port, connectTimeout: 500, reconnectStrategy: false }
    })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  async command<T>(...args: string[]): Promise<T> {
    const client = await this.connect()
    try {
      return await client.sendCommand<T>(args)
    } finally {
      await client.disconnect().catch(() => {})
    }
  }

  /** Where others are connected from. */
  async clients(): Promise<string[]> {
    const client = await this.connect()
    const [own, all] = await Promise.all([client.sendCommand(['CLIENT', 'ID']), client.clientList()])
    await client.disconnect()
    return all.filter(({ id }) => id !== own).map(({ addr }) => addr)
  }

  async #remove(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
