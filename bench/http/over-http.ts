import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Contest, compare, type Sample } from '../harness.js'
import { paced } from '../paced.js'
import type { Comparison, Role } from '../result.js'
import { AT_ONCE, send } from './clients.js'
import type { Answer, Question } from './serve.js'

interface HttpContest extends Omit<Contest, 'atOnce' | 'candidates'> {
  readonly servers: readonly {
    readonly name: string
    readonly role: Role
    /** The file of this directory that exports it, and its name there. */
    readonly server: readonly [file: string, name: string]
  }[]
}

/** Compares servers, each in a process of its own. */
export async function overHttp({ servers, ...contest }: HttpContest): Promise<Comparison> {
  const started = await Promise.all(
    servers.map(async ({ name, role, server }) => ({ name, role, ...(await start(name, server)) }))
  )
  for (const { warmUp } of started) await warmUp()
  const candidates = started.map(({ name, role, measure }) => ({ name, role, measure }))
  const result = await compare({ ...contest, atOnce: AT_ONCE, candidates })
  for (const { child } of started) child.disconnect()
  return result
}

async function start(name: string, server: readonly [string, string]) {
  const child = fork(fileURLToPath(new URL('./serve.js', import.meta.url)), server)
  const { port } = await hear(child, name)

  async function slice(requests: number): Promise<Sample> {
    const { load } = await ask(child, name, 'load')
    const { cpu: before } = await ask(child, name, 'cpu')
    const seconds = await send(`http://127.0.0.1:${port}`, load, requests)
    const { cpu: after } = await ask(child, name, 'cpu')
    return { cpu: (after - before) / requests, rate: requests / seconds }
  }

  /** A server goes on getting cheaper for some ten thousand requests. A slow one is not asked so often. */
  async function warmUp() {
    const until = performance.now() + 5000
    for (let sent = 0; sent < 20_000 && performance.now() < until; sent += 1000) await slice(1000)
  }

  return { child, warmUp, measure: paced(AT_ONCE, 1000, slice) }
}

function ask(child: ChildProcess, name: string, question: Question): Promise<Answer> {
  child.send(question)
  return hear(child, name)
}

async function hear(child: ChildProcess, name: string): Promise<Answer> {
  const ended = new AbortController()
  const { signal } = ended
  const death = once(child, 'exit', { signal }).then(() => {
    throw new Error(`${name} has ended`)
  })
  const [answer] = await Promise.race([once(child, 'message', { signal }), death])
  ended.abort()
  death.catch(() => {})
  return answer
}
