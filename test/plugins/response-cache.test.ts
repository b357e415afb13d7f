import t from 'tap'
import { build } from '../support/app.js'

t.test('first', async (t) => {
  const { app, lines } = await build(t, {redis: {commandTimeout: '5s'}})
  let runs = 0
  app.get('/x', { config: { cache: '30s' } }, async () => ({ n: ++runs }))
  app.post('/x', async () => 'ok')
  for (let i = 0; i < 3; i++) {
    const r = await app.inject('/x')
    console.log(r.statusCode, r.body, r.headers)
  }
  const r = await app.inject({url:'/x', method:'HEAD'})
  console.log(r.statusCode, r.body, r.headers)
  const etag = r.headers.etag as string
  const q = await app.inject({url:'/x', headers: {'if-none-match': etag}})
  console.log(q.statusCode, q.body, q.headers)
  await app.inject({ method: 'POST', url: '/x' })
  console.log((await app.inject('/x')).headers)
  console.log((await app.inject({url:'/x', headers: {cookie: 'a=1'}})).headers)
  console.log(lines.filter(l => (l.level as number) > 30))
})
