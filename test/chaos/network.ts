import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from '../support/redis.js'
import type { Scope } from './scope.js'

/** What lies between the apps and Redis. */
export interface Network {
  readonly name: string
  /** Where Redis listens. */
  readonly host: string
  /** What a command line of Redis begins with, so that it runs at its end. */
  readonly prefix: readonly string[]
  /** Where the apps find a Redis that listens at `port`. */
  address(port: number): Promise<string>
  /** From now on no packet arrives. */
  drop(): void
  /** From now on Redis is heard no more, but hears. */
  dropAnswers(): void
  /** The connections from these ports are dead, though neither end knows: half-open. New ones work. */
  strand(ports: readonly number[]): void
  /** All is as before; what was half-open stays so. */
  heal(): void
}

const [OURS, THEIRS] = ['10.77.0.1', '10.77.0.2']
const DROPPING = '10'
const STRANDED = '20'

/** Whether this user may make network namespaces, with rules that drop packets. */
export function namespaces(): boolean {
  try {
    const rule = ['ip', 'rule', 'add', 'pref', DROPPING, 'to', OURS, 'ipproto', 'tcp', 'blackhole']
    execFileSync('unshare', ['-rn', ...rule], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Two network namespaces joined by a cable: this process is in the one already, Redis will be in the other. Packets are dropped by the kernel. */
export function openNamespaces(scope: Scope): Network {
  const run = (...[command, ...args]: string[]) => execFileSync(command!, args, { stdio: 'pipe' })
  const holder = spawn('unshare', ['-n', 'sleep', 'infinity'], { stdio: 'ignore' })
  scope.teardown(() => holder.kill('SIGKILL'))
  const prefix = ['nsenter', '-t', String(holder.pid), '-n']
  const there = (...args: string[]) => run(...prefix, ...args)
  const own = run('readlink', '/proc/self/ns/net').toString()
  while (run('readlink', `/proc/${holder.pid}/ns/net`).toString() === own);
  run('ip', 'link', 'set', 'lo', 'up')
  run('ip', 'link', 'add', 'storm0', 'type', 'veth', 'peer', 'name', 'storm1')
  run('ip', 'link', 'set', 'storm1', 'netns', String(holder.pid))
  run('ip', 'addr', 'add', `${OURS}/24`, 'dev', 'storm0')
  run('ip', 'link', 'set', 'storm0', 'up')
  there('ip', 'addr', 'add', `${THEIRS}/24`, 'dev', 'storm1')
  there('ip', 'link', 'set', 'storm1', 'up')
  there('ip', 'link', 'set', 'lo', 'up')
  const rule = (pref: string, to: string, ...more: string[]) =>
    ['ip', 'rule', 'add', 'pref', pref, 'to', to, 'ipproto', 'tcp', ...more, 'blackhole'] as const
  const dropAnswers = () => void there(...rule(DROPPING, OURS))
  const forget = (pref: string) => {
    for (const end of [run, there])
      if (end('ip', 'rule').includes(`${pref}:`)) end('ip', 'rule', 'del', 'pref', pref)
  }
  return {
    name: 'network namespaces',
    host: THEIRS,
    prefix,
    address: async (port) => `${THEIRS}:${port}`,
    drop() {
      run(...rule(DROPPING, THEIRS))
      dropAnswers()
    },
    dropAnswers,
    strand(ports) {
      for (const port of ports.map(String)) {
        run(...rule(STRANDED, THEIRS, 'sport', port))
        there(...rule(STRANDED, OURS, 'dport', port))
      }
    },
    heal: () => forget(DROPPING)
  }
}

type Mode = 'open' | 'deaf' | 'mute'

/** A proxy that swallows, where namespaces are not permitted. It can not keep a connection from being accepted. */
export function openProxy(scope: Scope): Network {
  let mode: Mode = 'open'
  const pairs = new Set<{ client: Socket; server: Socket; stranded: boolean }>()
  const flow = () => {
    for (const { client, server, stranded } of pairs) {
      client[stranded || mode === 'deaf' ? 'pause' : 'resume']()
      server[stranded || mode !== 'open' ? 'pause' : 'resume']()
    }
  }
  const turn = (next: Mode) => () => {
    mode = next
    flow()
  }
  return {
    name: 'a proxy',
    host: '127.0.0.1',
    prefix: [],
    async address(port) {
      const proxy = createServer((client) => {
        const server = connect(port, '127.0.0.1')
        const pair = { client, server, stranded: false }
        pairs.add(pair)
        for (const [one, other] of [
          [client, server],
          [server, client]
        ] as const) {
          one.setNoDelay()
          one.on('data', (chunk) => other.write(chunk))
          one.on('error', () => {})
          one.on('close', () => {
            other.destroy()
            pairs.delete(pair)
          })
        }
        flow()
      }).listen(await freePort(), '127.0.0.1')
      await once(proxy, 'listening')
      scope.teardown(() => {
        for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy()
        proxy.close()
      })
      return `127.0.0.1:${(proxy.address() as { port: number }).port}`
    },
    drop: turn('deaf'),
    dropAnswers: turn('mute'),
    strand(ports) {
      for (const pair of pairs) if (ports.includes(pair.server.localPort ?? 0)) pair.stranded = true
      flow()
    },
    heal: turn('open')
  }
}
