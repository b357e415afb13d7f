import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Registry } from 'prom-client'
import t from 'tap'
import ts from 'typescript'
import { LogEvent } from '../src/log.js'
import { reasons } from '../src/redis/failure.js'
import { build } from './support/app.js'

const root = resolve(import.meta.dirname, '..')
const guide = await readFile(join(root, 'docs/operations.md'), 'utf8')

/** What stands below a heading. */
const section = (heading: string) => new RegExp(`\n## ${heading}\n(.*?)(?=\n## |$)`, 's').exec(guide)![1]!
/** The rows of its tables whose first cell is a name, and the cells of each. */
const rows = (heading: string) =>
  [...section(heading).matchAll(/^\| `([\w.-]+)` \| (.+) \|$/gm)].map(([, name, cells]) => [
    name!,
    ...cells!.split(/ ?\| /)
  ])

t.test('every log event is in the table, with its level and what to do', async (t) => {
  const table = rows('Log events')
  t.strictSame(
    table.map(([event]) => event),
    Object.values(LogEvent)
  )
  const levels = new Map(table.map(([event, level]) => [event, level]))
  let told = 0
  for (const folder of ['src', 'plugins', 'routes'])
    for (const file of await readdir(join(root, folder), { recursive: true })) {
      if (!file.endsWith('.ts')) continue
      const code = await readFile(join(root, folder, file), 'utf8')
      for (const [, level, name] of code.matchAll(/log\.(\w+)\(\s*\{ event: LogEvent\.(\w+)/g)) {
        t.equal(levels.get(LogEvent[name as keyof typeof LogEvent]), level, name!)
        told++
      }
    }
  t.ok(told >= 15, `${told} compared`)
  for (const [event, level, when, todo] of table)
    t.ok(['info', 'warn', 'error'].includes(level!) && when && todo, event!)
})

t.test('every metric is in the table as it is, and alerts are on metrics that exist', async (t) => {
  const registry = new Registry()
  await build(t, { metrics: registry })
  const metrics = registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[]
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, type]))
  const prefix = 'fastify_redis_auth_'
  t.strictSame(
    rows('Metrics')
      .map(([name, type, labels]) => [prefix + name, type, labels])
      .sort(),
    metrics
      .map(({ name, labelNames }) => [
        name,
        String(types.get(name)),
        labelNames.map((label) => `\`${label}\``).join(', ')
      ])
      .sort()
  )
  const [, told] = /`reason` of the first ones is (.*?)\.\n/.exec(section('Metrics'))!
  t.strictSame([...told!.matchAll(/`([\w-]+)`/g)].map(([, reason]) => reason).sort(), [...reasons].sort())
  const alerted = section('What to alert on').match(/fastify_redis_auth_\w+/g)!
  t.ok(alerted.length > 5)
  for (const name of alerted) t.ok(types.has(name.replace(/_bucket$/, '')), name)
})

t.test('the example of metrics', async (t) => {
  const { app } = await build(t)
  const [, code] = /```ts\n(import \{ Registry.*?)```/s.exec(guide)!
  const body = code!.replace(/^import .*$/m, '').replace(/^await app.register.*$/m, '')
  new Function('app', 'Registry', ts.transpile(body, { target: ts.ScriptTarget.ESNext }))(app, Registry)
  const reply = await app.inject('/metrics')
  t.equal(reply.statusCode, 200)
  t.match(reply.headers['content-type'], 'text/plain')
})
