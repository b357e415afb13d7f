import { KeyObject } from 'node:crypto'
import t from 'tap'
import type { RedisAuthOptions } from '../../../src/options.js'
import { parseOptions } from '../../../src/options.js'
import { SECRET } from '../../support/engine.js'
import { algorithms, newKey, privatePem, publicPem } from '../../support/keys.js'

const parse = (keys: unknown) =>
  parseOptions({ tokens: { secret: SECRET, keys } } as RedisAuthOptions, {}).tokens?.keys

const es = newKey('es', 'ES256')
const rs = newKey('rs', 'RS256')
const ed = newKey('ed', 'EdDSA')
const good = [es, rs, ed]
const { kid, alg, privateKey, publicKey } = es

t.test('without the option there are no keys, and a secret is required beside them', async (t) => {
  t.equal(parse(undefined), undefined)
  t.throws(() => parseOptions({ tokens: { keys: [es] } }, {}), {
    code: 'FST_REDIS_AUTH_INVALID_OPTION',
    message: /"tokens.secret" is required/
  })
})

for (const key of good)
  t.test(`a key of ${key.alg} may be PEM or a KeyObject, in whole or in part`, async (t) => {
    const { kid, alg, privateKey, publicKey } = key
    const wholes = [
      { kid, alg, privateKey, publicKey },
      { kid, alg, privateKey },
      { kid, alg, privateKey: privatePem(key), publicKey: publicPem(key) },
      { kid, alg, privateKey: privatePem(key), publicKey: undefined },
      { kid, alg, privateKey: `\n${privatePem(key)}\n`, publicKey }
    ]
    for (const whole of wholes) {
      const [pair] = parse([whole])!
      t.match(pair, { kid, alg })
      t.ok(pair!.privateKey!.equals(privateKey))
      t.ok(pair!.publicKey.equals(publicKey))
    }
    const other = newKey('first', key.alg)
    for (const part of [publicKey, publicPem(key)]) {
      const [, pair] = parse([other, { kid, alg, publicKey: part, privateKey: undefined }])!
      t.equal(pair!.privateKey, undefined)
      t.ok(pair!.publicKey.equals(publicKey))
    }
  })

t.test('PEM in the older formats is read too', async (t) => {
  for (const [key, type] of [
    [es, 'sec1'],
    [rs, 'pkcs1']
  ] as const) {
    const old = String(key.privateKey.export({ type: type as 'pkcs1', format: 'pem' }))
    t.ok(parse([{ kid: 'k', alg: key.alg, privateKey: old }])![0]!.publicKey.equals(key.publicKey))
  }
})

t.test(
  'a key that can not be used is refused by the name of its option, and nothing of it is told',
  async (t) => {
    const pem = privatePem(es)
    const encrypted = privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x'
    })
    const secret = KeyObject.from(
      await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])
    )
    const jwk = publicKey.export({ format: 'jwk' })
    /** The second of two keys: what is wrong with it, and what is said of it. */
    const cases: [object, RegExp][] = [
      [{ kid, alg, privateKey, secret: 'x' }, /^unknown option "tokens.keys\[1\].secret"$/],
      [{ alg, privateKey }, /^option "tokens.keys\[1\].kid" is required$/],
      [{ kid, privateKey }, /^option "tokens.keys\[1\].alg" is required$/],
      [{ kid, alg }, /^option "tokens.keys\[1\].privateKey" is required, or/],
      ...['', 'a b', 'a\n', 'é', 'x'.repeat(129), 7, null, ['k']].map((kid): [object, RegExp] => [
        { kid, alg, privateKey },
        /^option "tokens.keys\[1\].kid" must be 1 to 128 printable/
      ]),
      ...['HS256', 'none', 'ES384', 'es256', '__proto__', 'toString', '', null, 7, ['ES256']].map(
        (alg): [object, RegExp] => [
          { kid, alg, privateKey },
          /^option "tokens.keys\[1\].alg" must be 'ES256'/
        ]
      ),
      ...[
        publicKey,
        publicPem(es),
        secret,
        encrypted,
        pem.replaceAll('\n', '\\n'),
        pem.slice(0, 80),
        SECRET,
        jwk,
        JSON.stringify(jwk),
        '',
        null,
        7,
        {}
      ].map((wrong): [object, RegExp] => [
        { kid, alg, privateKey: wrong },
        /^option "tokens.keys\[1\].privateKey" must be a private key/
      ]),
      ...[privateKey, pem, secret, SECRET, jwk, JSON.stringify(jwk), '', null, 7].map(
        (wrong): [object, RegExp] => [
          { kid, alg, privateKey, publicKey: wrong },
          /^option "tokens.keys\[1\].publicKey" must be a public key/
        ]
      ),
      [
        { ...newKey(kid, 'ES256', 'P-384') },
        /"tokens.keys\[1\].privateKey" must be a key on the curve P-256/
      ],
      [{ ...newKey(kid, 'ES256', 'secp256k1') }, /privateKey" must be a key on the curve P-256/],
      [
        { kid, alg, publicKey: newKey(kid, 'ES256', 'P-384').publicKey },
        /publicKey" must be a key on the curve P-256/
      ],
      [
        { ...newKey(kid, 'RS256', 1024) },
        /"tokens.keys\[1\].privateKey" must be an RSA key of at least 2048 bits/
      ],
      [
        { kid, alg: 'RS256', publicKey: newKey(kid, 'RS256', 2040).publicKey },
        /publicKey" must be an RSA key of at/
      ],
      [{ ...newKey(kid, 'EdDSA', 'ed448') }, /"tokens.keys\[1\].privateKey" must be an Ed25519 key/],
      ...good.flatMap((key) =>
        good
          .filter(({ alg }) => alg !== key.alg)
          .map(({ alg }): [object, RegExp] => [
            { ...key, alg },
            new RegExp(`privateKey" must be .* is '${alg}'$`)
          ])
      ),
      ...good.map((key): [object, RegExp] => [
        { ...key, publicKey: newKey('k', key.alg).publicKey },
        /^option "tokens.keys\[1\].publicKey" must be that of "tokens.keys\[1\].privateKey"$/
      ]),
      [{ ...es, kid: 'first' }, /^option "tokens.keys\[1\].kid" must not be that of "tokens.keys\[0\]"$/]
    ]
    const first = newKey('first', 'ES256')
    t.doesNotThrow(() => parse([first, es]), 'only the flaw is refused')
    const material = [pem, publicPem(es), String(encrypted)].flatMap((text) => text.split('\n').slice(1, -2))
    for (const [key, message] of cases) {
      try {
        parse([first, key])
        t.fail(`accepted, though ${message}`)
      } catch (error) {
        t.match(error, { code: 'FST_REDIS_AUTH_INVALID_OPTION', message, cause: undefined })
        const said = `${(error as Error).stack} ${JSON.stringify(error)}`
        t.notOk(material.some((line) => said.includes(line)))
      }
    }
  }
)

t.test('the first key must be able to sign', async (t) => {
  t.throws(() => parse([{ kid, alg, publicKey }, rs]), {
    code: 'FST_REDIS_AUTH_INVALID_OPTION',
    message: 'option "tokens.keys[0].privateKey" is required: the first key signs'
  })
})

t.test('rsa-pss is no key for RS256', async (t) => {
  const { generateKeyPairSync } = await import('node:crypto')
  const { privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  t.throws(() => parse([{ kid, alg: 'RS256', privateKey }]), { message: /must be an RSA key/ })
})

t.test('keys are as they were given, whatever becomes of the list', async (t) => {
  const list = [es]
  const keys = parse(list)
  list.push(rs)
  t.equal(keys?.length, 1)
  t.equal(algorithms.length, good.length)
})
