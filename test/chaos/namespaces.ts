import { execFileSync, spawn } from 'node:child_process'
import type { Network } from './network.js'
import type { Scope } from './scope.js'

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
