import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import v8 from 'node:v8'
import t, { type Test } from 'tap'
import ts from 'typescript'
import redisAuth, { type RedisAuthOptions } from '../index.js'
import { openCache } from '../src/engine.js'
import { build } from './support/app.js'
import { until } from './support/redis.js'

const guide = await readFile(new URL('../docs/cache.md', import.meta.url), 'utf8')
const sections = guide
  .split(/^## /m)
  .slice(1)
  .filter((section) => section.includes('```ts'))

/** What the examples take from an app. */
const given = () => {
  let price = 10
  const product = { name: 'tea' }
  const findUser = async (id: string) => (id === 'none' ? null : { id, name: `user ${id}` })
  return {
    sleep,
    until,
    v8,
    redisAuth,
    openCache,
    db: {
      products: {
        find: async (id: number) => ({ id, name: 'tea' }),
        list: async (shop: string, { page }: { page: number }) => [`page ${page} of ${shop}`]
      }
    },
    buildReport: async () => 'a report',
    readPrice: async () => price,
    writePrice: async (to: number) => {
      price = to
    },
    findUser,
    findUsers: (ids: string[]) => Promise.all(ids.map(findUser)),
    listProducts: async () => [product],
    getProduct: async () => ({ ...product }),
    putProduct: async ({ body }: { body: typeof product }) => Object.assign(product, body),
    renderPage: async (id: number) => `page ${id}`
  }
}

/** The examples of a section as one function; a line with `// → value` comes to that value. */
function compile(section: string, names: string[]) {
  const code = [...section.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block).join('\n')
  const checked = code
    .replace(/^import .*$/gm, '')
    .replace(/^(?!\s*(?:const|let) )(.*\S)\s*\/\/ → (.*)$/gm, (_, expression, value) => {
      return `;same(${expression}, ${value}, ${JSON.stringify(expression)})`
    })
  if (checked.includes('// →')) throw new Error(`not an expression of one line: ${checked}`)
  const body = ts.transpile(`(async () => {\n${checked}\n})()`, { target: ts.ScriptTarget.ES2022 })
  return new Function(...names, `return ${body}`) as (...values: unknown[]) => Promise<void>
}

/** An app that may be registered again with other options, as each example that does so stands for itself. */
async function appOf(t: Test) {
  let { app, url, keyPrefix } = await build(t)
  const register = async (_plugin: unknown, options: RedisAuthOptions) => {
    app = (await build(t, options, { at: { url, keyPrefix } })).app
    await app.ready()
  }
  const get = (_: object, name: string) => (name === 'register' ? register : Reflect.get(app, name, app))
  return { app: new Proxy({}, { get }) as typeof app, url, keyPrefix }
}

for (const section of sections) {
  const [heading] = section.split('\n') as [string]
  t.test(`the examples of "${heading}"`, async (t) => {
    const { app, url, keyPrefix } = await appOf(t)
    if (!/\bapp\.(get|put|post)\(/.test(section)) await app.ready()
    const same = (actual: unknown, expected: unknown, line: string) => t.same(actual, expected, line)
    const needs = { same, app, cache: app.cache, url, keyPrefix, ...given() }
    await compile(section, Object.keys(needs))(...Object.values(needs))
    t.match(app.cache.stats(), { errors: 0, damaged: 0 })
  })
}

t.test(
  'all examples of the guide are run, and all lines that say what they come to are held to it',
  async (t) => {
    t.equal(guide.match(/^```ts$/gm)?.length, sections.join('').match(/^```ts$/gm)?.length)
  }
)
