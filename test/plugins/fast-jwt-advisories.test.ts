/** The advisories of fast-jwt, which signs and verifies for @fastify/jwt: none of them reaches an app of this plugin. */
import { createHmac } from 'node:crypto'
import t, { type Test } from 'tap'
import { bearer, build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { claims, forge } from '../support/forge.js'
import { encode, jws, newKey, privatePem, publicPem } from '../support/keys.js'
import { INVALID_TOKEN, refused } from '../support/refused.js'

const key = newKey('rs', 'RS256')
const es = newKey('es', 'ES256')

async function open(t: Test, tokens: object = { keys: [key, es] }) {
  const { app, keyPrefix } = await build(t, { tokens: { secret: SECRET, ...tokens } })
  const { session_id: sid, access_token } = await login(app)
  const me = (token: string) => app.inject({ url: '/me', headers: bearer(token) })
  return {
    app,
    keyPrefix,
    access_token,
    me,
    payload: claims({ sid }),
    refuse: async (name: string, token: string) => {
      const reply = await me(token)
      t.equal(reply.statusCode, 401, name)
      refused(t, reply, 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', INVALID_TOKEN)
    }
  }
}

const hmac = (secret: string, kid: string | undefined, payload: object) => {
  const text = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${encode(payload)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

t.test(
  'CVE-2023-48223, CVE-2026-34950 (GHSA-mvf2-f6gm-w987), GHSA-ww5h-9m49-7xx4: a public key is no HMAC secret, whatever stands before it',
  async (t) => {
    for (const before of ['', '\n', '\n\n', '# comment\n', '\ufeff\n']) {
      const pem = before + publicPem(key)
      const { kid, alg, privateKey } = key
      const { refuse, payload, me } = await open(t, { keys: [{ kid, alg, privateKey, publicKey: pem }] })
      t.equal((await me(jws(key, payload))).statusCode, 200, 'the key is used as the public key that it is')
      for (const secret of [pem, pem.trim(), publicPem(key)])
        await refuse(JSON.stringify(before), hmac(secret, kid, payload))
    }
  }
)

t.test('GHSA-g3jj-5cmm-3hxx: a JWK is no HMAC secret, and no key', async (t) => {
  const { refuse, payload } = await open(t)
  const jwk = key.publicKey.export({ format: 'jwk' })
  for (const secret of [jwk, [jwk], { keys: [jwk] }].map((value) => JSON.stringify(value))) {
    await refuse('by its text', hmac(secret, 'rs', payload))
    const keys = [{ kid: 'rs', alg: 'RS256' as const, privateKey: privatePem(key), publicKey: secret }]
    await t.rejects(build(t, { tokens: { secret: SECRET, keys } }), { code: 'FST_REDIS_AUTH_INVALID_OPTION' })
  }
})

t.test('GHSA-gmvf-9v4p-v8jc: a kid that nobody knows is no empty key', async (t) => {
  const { refuse, payload } = await open(t)
  for (const kid of [undefined, '', 'unknown', '__proto__', 'constructor'])
    await refuse(`kid ${kid}`, hmac('', kid, payload))
})

t.test('GHSA-8wpc-h4q6-8fxv: there is always a key, and never a token without a signature', async (t) => {
  for (const tokens of [{ keys: [key, es] }, {}]) {
    const { refuse, payload } = await open(t, tokens)
    for (const alg of ['none', 'None', 'RS256', 'HS256', undefined])
      for (const end of ['', 'AAAA'])
        await refuse(`${alg}`, `${encode({ alg, typ: 'at+jwt', kid: 'rs' })}.${encode(payload)}.${end}`)
  }
})

t.test('GHSA-hm7r-c7qw-ghp6: what a header calls critical and we do not know is refused', async (t) => {
  const { refuse, payload } = await open(t)
  const { refuse: refuseOfSecret, keyPrefix, payload: own } = await open(t, {})
  for (const header of [
    { crit: ['x'], x: 1 },
    { crit: ['x'] },
    { crit: ['b64'], b64: false },
    { crit: ['exp'], exp: 1 },
    { crit: [] },
    { crit: 'x' }
  ]) {
    await refuse(JSON.stringify(header), jws(key, payload, header))
    await refuseOfSecret(JSON.stringify(header), forge(keyPrefix, own, { header }))
  }
})

t.test('GHSA-rp9m-7r4c-75qg: no two tokens are taken for one, and nothing warns of it', async (t) => {
  const warnings: unknown[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const { app, payload, me, refuse } = await open(t)
  const users = await Promise.all(['ada', 'bob', 'eve'].map((user) => login(app, user)))
  for (let round = 0; round < 3; round++)
    for (const [index, { access_token }] of users.entries())
      t.equal((await me(access_token)).json().sub, ['ada', 'bob', 'eve'][index])
  const good = jws(key, payload)
  t.equal((await me(good)).statusCode, 200)
  const [header, body, signature] = good.split('.') as [string, string, string]
  await refuse('another header', `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'rs' })}.${body}.${signature}`)
  await refuse('another payload', `${header}.${encode({ ...payload, role: 'admin' })}.${signature}`)
  t.strictSame(warnings, [])
})

t.test(
  'CVE-2026-35041, GHSA-cjw9-ghj4-fwxf: issuer and audience are compared as text, never as patterns',
  async (t) => {
    const { me, payload, refuse } = await open(t, { keys: [key], issuer: '(a+)+$', audience: ['.*', '^api'] })
    const by = (iss: string, aud: unknown) => jws(key, { ...payload, iss, aud })
    t.equal((await me(by('(a+)+$', '.*'))).statusCode, 200)
    await refuse('an issuer that would match', by('aaa', '.*'))
    await refuse('an audience that would match', by('(a+)+$', ['x', 'api']))
    await refuse('what takes a pattern long', by(`${'a'.repeat(2000)}!`, '.*'))
  }
)
