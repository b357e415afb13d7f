import { constants, createHash, createHmac, privateEncrypt, sign } from 'node:crypto'
import Fastify from 'fastify'
import { SignJWT } from 'jose'
import t from 'tap'
import type { TokenOptions } from '../../index.js'
import { privateJwts } from '../../plugins/private-jwts.js'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { parseOptions } from '../../src/options.js'
import type { AccessClaims, Jwt } from '../../src/tokens/access-token.js'
import { SECRET } from '../support/engine.js'
import { claims } from '../support/forge.js'
import { algorithms, encode, jws, newKey, type Pair, publicPem, signatureBy } from '../support/keys.js'

const open = (options: TokenOptions = {}) =>
  privateJwts(Fastify(), parseOptions({ tokens: { secret: SECRET, ...options } }, {}).tokens!, 'fra:')

const accepts = (jwt: Jwt, token: string): boolean => {
  try {
    jwt.verify(token)
    return true
  } catch {
    return false
  }
}

const payload = claims()
const hmac = (key: Buffer | string, text: string, hash = 'sha256') =>
  encode(createHmac(hash, key).update(text).digest())

/**
 * What the JWS vectors of C2SP/wycheproof (json_web_signature_test) call by these names, made anew. The vectors themselves
 * can not be presented here, as their payloads are text such as `foo` and no claims, and their headers have no `typ`.
 * Left out are those of JWKs (`use`, `key_ops`), which no option takes.
 */
const categories = (good: string, other: string): Record<string, string> => {
  const [header, body, signature] = good.split('.') as [string, string, string]
  const changed = (part: string) => (part[0] === 'A' ? 'B' : 'A') + part.slice(1)
  const fields = JSON.parse(Buffer.from(header, 'base64url').toString())
  const renamed = encode({ ...fields, alg: 'none' })
  return {
    rejectsModifiedSignature: `${header}.${body}.${changed(signature)}`,
    rejectsMissingSignature: `${header}.${body}.`,
    rejectsMissingSignatureAndSeparator: `${header}.${body}`,
    rejectsModifiedPayload: `${header}.${encode({ ...payload, sub: 'bob' })}.${signature}`,
    rejectsMissingPayload: `${header}..${signature}`,
    rejectsMissingPayloadAndSeparator: `${header}.${signature}`,
    rejectsModifiedHeader: `${encode({ ...fields, x: 1 })}.${body}.${signature}`,
    rejectsMissingHeader: `.${body}.${signature}`,
    rejectsMissingHeaderAndSeparator: `${body}.${signature}`,
    rejectsMissingHeaderAndSignature: `.${body}.`,
    rejectsMissingHeaderSignatureAndSeparators: body,
    rejectsEmptyString: '',
    rejectsExtraEmptyComponent: `${good}.`,
    rejectsExtraComponent: `${good}.foo`,
    rejectsNoneAlgorithm: `${renamed}.${body}.${signature}`,
    rejectsNoneAlgorithmAndMissingSignature: `${renamed}.${body}.`,
    rejectsValidJsonSerialization: JSON.stringify({
      payload: body,
      signatures: [{ protected: header, signature }]
    }),
    rejectsFlattenedJsonSerialization: JSON.stringify({ payload: body, protected: header, signature }),
    rejectsSignatureOfAnotherToken: `${header}.${body}.${other.split('.')[2]}`,
    ...Object.fromEntries(
      [...' ?=+/\n\t\u0000\ufeff'].flatMap((odd) =>
        [header, body, signature].flatMap((part) =>
          [odd + part, part + odd, part.slice(0, 4) + odd + part.slice(4), odd + part.slice(1)].map(
            (changed, n) => [
              `rejectsInvalidCharacter ${JSON.stringify(odd)} ${n} in ${part.slice(0, 5)}`,
              good.replace(part, changed)
            ]
          )
        )
      )
    ),
    rejectsShortenedSignature: good.slice(0, -2),
    rejectsLengthenedSignature: `${good}AA`,
    rejectsImpossibleLength: `${good}AAA`
  }
}

t.test('HS256: a signature that is good is accepted, and nothing like it', async (t) => {
  const [jwt] = await open()
  const key = deriveKey(SECRET, 'access', 'fra:')
  const signed = (changes: object, body: object = payload, hash?: string) => {
    const text = `${encode({ alg: 'HS256', typ: 'at+jwt', ...changes })}.${encode(body)}`
    return `${text}.${hmac(key, text, hash)}`
  }
  t.ok(accepts(jwt, signed({})))
  const other = signed({}, { ...payload, sub: 'bob' })
  for (const [name, token] of Object.entries(categories(signed({}), other)))
    t.notOk(accepts(jwt, token), name)
  for (const [alg, hash] of [
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
    ['HS256', 'sha512']
  ] as const)
    t.notOk(accepts(jwt, signed({ alg }, payload, hash)), `${alg} by ${hash}`)
})

for (const alg of algorithms)
  t.test(`${alg}: a signature that is good is accepted, and nothing like it`, async (t) => {
    const key = newKey('k', alg)
    const [jwt] = await open({ keys: [key] })
    const good = jws(key, payload)
    t.strictSame(jwt.verify(good), payload)
    t.strictSame(jwt.verify(jwt.sign(payload as AccessClaims)), payload, 'its own')
    const text = good.slice(0, good.lastIndexOf('.'))
    const others = {
      ...categories(good, jws(key, { ...payload, sub: 'bob' })),
      rejectsAnotherKey: jws({ ...newKey('k', alg), kid: 'k' }, payload),
      rejectsAttackerProvidedEmbeddedJwk: (() => {
        const own = newKey('k', alg)
        return jws(own, payload, { jwk: { ...own.publicKey.export({ format: 'jwk' }), kid: 'k', alg } })
      })(),
      ...Object.fromEntries(
        [
          publicPem(key),
          publicPem(key).trim(),
          JSON.stringify(key.publicKey.export({ format: 'jwk' }))
        ].flatMap((secret, index) =>
          ['HS256', alg].map((name) => {
            const input = `${encode({ alg: name, typ: 'at+jwt', kid: 'k' })}.${encode(payload)}`
            return [`rejectsSymmetryConfusion ${index} ${name}`, `${input}.${hmac(secret, input)}`]
          })
        )
      ),
      ...Object.fromEntries(
        ['HS256', 'PS256', 'ES256', 'RS256', 'EdDSA', 'ES256K', 'RS1', 'Ed25519', alg.toLowerCase(), ''].map(
          (name) => [
            `rejectsWrongPrimitive ${name}`,
            name === alg ? `${text}.` : jws(key, payload, { alg: name })
          ]
        )
      ),
      rejectsZeros: `${text}.${encode(Buffer.alloc(signatureBy(key, text).length))}`,
      ...spoilt(key, text)
    }
    for (const [name, token] of Object.entries(others)) t.notOk(accepts(jwt, token), name)
    t.ok(accepts(jwt, good), 'and the good one still is')
  })

/** What only one algorithm can have wrong. */
function spoilt(key: Pair, text: string): Record<string, string> {
  const token = (signature: Buffer) => `${text}.${encode(signature)}`
  if (key.alg === 'ES256') {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const number = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
    const [r, s] = [signatureBy(key, text).subarray(0, 32), signatureBy(key, text).subarray(32)]
    return {
      'in DER': token(signatureBy(key, text, 'der')),
      'r and s of the order': token(Buffer.concat([number(n), number(n)])),
      'r 1 and s of the order': token(Buffer.concat([number(1n), number(n)])),
      'r 0': token(Buffer.concat([Buffer.alloc(32), s])),
      's 0': token(Buffer.concat([r, Buffer.alloc(32)])),
      'r and s of 48 bytes': token(Buffer.concat([Buffer.alloc(16), r, Buffer.alloc(16), s])),
      'of SHA-512': token(
        sign('sha512', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
      ),
      'ES384 by a key of P-384': jws({ ...newKey('k', 'ES256', 'P-384'), kid: 'k' }, payload, {
        alg: 'ES384'
      }),
      'ES256 by a key of P-384': jws({ ...newKey('k', 'ES256', 'P-384'), kid: 'k' }, payload),
      'ES256 by a key of secp256k1': jws(newKey('k', 'ES256', 'secp256k1'), payload)
    }
  }
  if (key.alg === 'EdDSA') return { Ed448: jws(newKey('k', 'EdDSA', 'ed448'), payload) }
  const digest = createHash('sha256').update(text).digest()
  const info = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  const withoutNull = Buffer.from('302f300b0609608648016503040201' + '0420', 'hex')
  /** A padding of PKCS #1 as one likes it, to the 256 bytes of the key. */
  const raw = (type: number, filler: number, rest: Buffer, tail = 0) => {
    const pad = Buffer.alloc(256 - 3 - rest.length - tail, filler)
    const block = Buffer.concat([Buffer.of(0, type), pad, Buffer.of(0), rest, Buffer.alloc(tail)])
    return token(privateEncrypt({ key: key.privateKey, padding: constants.RSA_NO_PADDING }, block))
  }
  if (raw(1, 0xff, Buffer.concat([info, digest])) !== token(signatureBy(key, text)))
    throw new Error('the padding is not what it should be, so that nothing is shown')
  return {
    'padding of type 2': raw(2, 0xff, Buffer.concat([info, digest])),
    'padding of type 0': raw(0, 0xff, Buffer.concat([info, digest])),
    'padding of zeros': raw(1, 0, Buffer.concat([info, digest])),
    'padding that ends early': raw(1, 0xff, Buffer.concat([info, digest]), 100),
    'DigestInfo without NULL': raw(1, 0xff, Buffer.concat([withoutNull, digest])),
    'no DigestInfo': raw(1, 0xff, digest),
    PSS: token(
      sign('sha256', Buffer.from(text), {
        key: key.privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: 32
      })
    ),
    'of SHA-512': token(sign('sha512', Buffer.from(text), key.privateKey)),
    'of SHA-1': token(sign('sha1', Buffer.from(text), key.privateKey)),
    'a zero before it': token(Buffer.concat([Buffer.alloc(1), signatureBy(key, text)]))
  }
}

t.test('the spare bits at the end of a signature are zero', async (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const keyed = algorithms.map((alg) => open({ keys: [newKey('k', alg)] }))
  for (const [jwt] of await Promise.all([open(), ...keyed])) {
    const good = jwt.sign(payload as AccessClaims)
    t.ok(accepts(jwt, good))
    const accepted = [...alphabet].filter((last) => accepts(jwt, good.slice(0, -1) + last))
    t.strictSame(accepted, [good.at(-1)], 'one spelling')
  }
})

t.test('a token that another library signs with our key is ours', async (t) => {
  for (const alg of algorithms) {
    const key = newKey('k', alg)
    const [jwt] = await open({ keys: [key] })
    const token = await new SignJWT(payload)
      .setProtectedHeader({ kid: 'k', typ: 'at+jwt', alg })
      .sign(key.privateKey)
    t.strictSame(jwt.verify(token), payload)
  }
})

t.test('a key that only verifies does not sign', async (t) => {
  const { kid, alg, privateKey, publicKey } = newKey('old', 'ES256')
  const [, old] = await open({ keys: [newKey('new', 'ES256'), { kid, alg, publicKey }] })
  t.ok(accepts(old!, jws({ kid, alg, privateKey, publicKey }, payload)))
  t.throws(() => old!.sign(payload as AccessClaims))
})

t.test('what one caller does to claims no other sees, however deep', async (t) => {
  for (const options of [{ keys: [newKey('k', 'ES256')] }, {}]) {
    const [jwt] = await open(options)
    const token = jwt.sign({
      ...payload,
      roles: ['user'],
      team: { name: 'a', tags: [{ on: true }] }
    } as never)
    const first = jwt.verify(token) as {
      roles: string[]
      team: { name: string; tags: object[] }
      sub: unknown
    }
    const before = structuredClone(first)
    first.roles.push('admin')
    first.team.name = 'b'
    first.team.tags[0] = { on: false }
    first.sub = 'bob'
    t.strictSame(jwt.verify(token), before)
  }
})

t.test('odd names in claims stay names', async (t) => {
  const key = newKey('k', 'ES256')
  const [jwt] = await open({ keys: [key] })
  const odd = `${JSON.stringify(payload).slice(0, -1)},"__proto__":{"admin":true},"constructor":1}`
  const token = jws(key, odd)
  for (const time of ['first', 'again']) {
    const claims = jwt.verify(token) as { admin?: boolean }
    t.equal(claims.admin, undefined, time)
    t.strictSame(Object.getOwnPropertyDescriptor(claims, '__proto__')?.value, { admin: true })
  }
})

t.test('what is refused is refused again, and makes nothing good refused', async (t) => {
  const key = newKey('k', 'EdDSA')
  const [jwt] = await open({ keys: [key], issuer: 'us' })
  const good = jws(key, { ...payload, iss: 'us' })
  // Not at its end: the last byte of such a signature is often 0.
  const changed = `${good.slice(0, -9)}${good.at(-9) === 'A' ? 'B' : 'A'}${good.slice(-8)}`
  const bad = [jws(key, payload), jws(key, { ...payload, iss: 'them' }), changed]
  for (let round = 0; round < 3; round++) {
    for (const token of bad) t.notOk(accepts(jwt, token))
    t.ok(accepts(jwt, good))
  }
})

/** How often JSON is read while `work` runs: what is remembered is not read again. */
function parses(work: () => unknown): number {
  const { parse } = JSON
  let times = 0
  JSON.parse = (...args) => {
    times++
    return parse(...args)
  }
  try {
    work()
  } finally {
    JSON.parse = parse
  }
  return times
}

t.test('a key, or a secret, remembers the last 5000 tokens that it verified', async (t) => {
  for (const options of [{ keys: [newKey('k', 'ES256')] }, {}]) {
    const [jwt] = await open(options)
    const token = (n: number) => jwt.sign({ ...payload, sub: String(n) } as AccessClaims)
    const first = token(0)
    const verify = () => t.equal(jwt.verify(first).sub, '0')
    t.not(parses(verify), 0)
    t.equal(parses(verify), 0, 'remembered')
    for (let n = 1; n < 5000; n++) jwt.verify(token(n))
    t.equal(parses(verify), 0, 'as long as there is room')
    for (let n = 5000; n < 10_000; n++) jwt.verify(token(n))
    t.not(parses(verify), 0, 'and no longer')
  }
})

t.test('a flood of forgeries makes nothing good refused', async (t) => {
  const key = newKey('k', 'ES256')
  const [jwt] = await open({ keys: [key] })
  const good = jws(key, payload)
  const text = good.slice(0, good.lastIndexOf('.') + 1)
  t.ok(accepts(jwt, good))
  for (let n = 1; n < 5100; n++) accepts(jwt, text + encode(Buffer.alloc(64, `${n}`)))
  t.ok(accepts(jwt, good))
})
