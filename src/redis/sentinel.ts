import { atMost } from '../timers.js'
import { discard, dispatch, type RedisClient } from './client.js'
import { reasonOf, Unavailable, withoutPassword } from './failure.js'
import { type ClientOptions, makeClient } from './make-client.js'

interface SentinelNode {
  readonly host: string
  readonly port: number
}

/** Who knows the master, and how they are asked. */
export interface SentinelSettings extends Pick<ClientOptions, 'username' | 'password' | 'tls'> {
  readonly name: string
  readonly rootNodes: readonly SentinelNode[]
}

/** For each sentinel to answer, and for each server to prove that it is the master. */
const TIMEOUT = 1000

/**
 * Makes connected clients of the master that sentinels know, for redis 4, which has no client of Sentinel. Such a client
 * gives up when its connection is lost: by then another server may be the master.
 */
export function sentinelClients(
  { name, rootNodes, ...access }: SentinelSettings,
  options: ClientOptions
): () => Promise<RedisClient> {
  const sentinels = [...rootNodes]

  async function masterAddress({ host, port }: SentinelNode): Promise<[host: string, port: string]> {
    const question = ['SENTINEL', 'get-master-addr-by-name', name]
    const [sentinel, address] = await ask({ ...access, host, port }, question)
    discard(sentinel)
    if (address === null) throw new Error(`knows no master "${name}"`)
    return address as [string, string]
  }

  /** A sentinel that was cut off tells of a master that is one no longer, and any tells of one that is silent until it is replaced. */
  async function masterAt(host: string, port: string): Promise<RedisClient> {
    const [client, role] = await ask({ ...options, host, port: Number(port) }, ['ROLE'])
    const [kind] = role as [string]
    if (kind === 'master') return client
    discard(client)
    throw new Error(`led to ${host}:${port}, which is a ${kind}`)
  }

  return async () => {
    const failures: [SentinelNode, Error][] = []
    const tried = new Set<string>()
    for (const sentinel of [...sentinels]) {
      try {
        const [host, port] = await masterAddress(sentinel)
        const address = `${host}:${port}`
        if (tried.has(address)) continue
        tried.add(address)
        const client = await masterAt(host, port)
        // Those before it may be gone for long: they are asked last from now on.
        sentinels.push(...sentinels.splice(0, sentinels.indexOf(sentinel)))
        return client
      } catch (error) {
        failures.push([sentinel, withoutPassword(error) as Error])
      }
    }
    const told = failures.map(([{ host, port }, { message }]) => `${host}:${port} ${message}`)
    throw new Unavailable(failures.some(([, error]) => reasonOf(error) === 'auth') ? 'auth' : 'no-master', {
      message: `No sentinel leads to a master: ${told.join('; ')}`
    })
  }
}

/** A connected client of a server, and what that answered. */
async function ask(
  options: Omit<ClientOptions, 'connectTimeout'>,
  command: readonly string[]
): Promise<[RedisClient, unknown]> {
  const client = makeClient({ ...options, connectTimeout: TIMEOUT, reconnects: false })
  let dialling = true
  for (const event of ['connect', 'error'])
    client.on(event, () => {
      dialling = false
    })
  const asked = client.connect().then(() => dispatch(client, undefined, command))
  try {
    const silent = () => Promise.reject(new Error(`was silent for ${TIMEOUT} ms`))
    return [client, await atMost(TIMEOUT, asked, silent)]
  } catch (error) {
    discard(client, dialling)
    throw error
  }
}
