import t from 'tap'
import { build } from '../support/app.js'

t.test('a route with config.cache or config.invalidates is warned of, and runs each time', async (t) => {
  const { app, lines } = await build(t)
  let runs = 0
  const run = async () => ++runs
  app.get('/cached', { config: { cache: '30s' } }, run)
  app.post('/changed', { config: { invalidates: { routes: '/cached' } } }, run)
  app.get('/plain', { config: { check: 'session' } }, run)
  app.get('/bare', run)
  await app.inject('/cached')
  const again = await app.inject('/cached')
  t.equal(again.body, '2')
  t.equal(again.headers.age, undefined)
  await app.inject({ method: 'POST', url: '/changed' })
  t.equal(runs, 3)

  const warned = lines.filter(({ event }) => event === 'route.not-cached')
  const message = /config\.cache and config\.invalidates have no effect/
  t.match(
    warned.find(({ method }) => method === 'GET'),
    { level: 40, url: '/cached', msg: message }
  )
  t.match(
    warned.find(({ method }) => method === 'POST'),
    { level: 40, url: '/changed', msg: message }
  )
  t.strictSame([...new Set(warned.map(({ url }) => url))], ['/cached', '/changed'], 'and of no other route')
})
