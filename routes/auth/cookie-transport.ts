import { fastifyCookie } from '@fastify/cookie'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import type { CookieSettings } from '../../src/options/routes.js'
import { invalidOption, isObject } from '../../src/options/rules.js'
import { DEVICE_TOKEN_LIFETIME } from '../../src/rate-limit/device-token.js'
import { sameOrigin } from './same-origin.js'
import { CookieTokenReply, tokenReply } from './schemas.js'
import type { Transport } from './transport.js'

/** A browser has two or three at the most; each costs Redis a look. */
const MOST_COOKIES = 5
/** A host name is what the client says it is. */
const MOST_LABELS = 5
const DOMAIN_LABEL = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i
const COOKIE_PATH = /^[!-:=-~]+$/

/**
 * Refresh tokens in a cookie, and never in a body. Strict without an option: who follows a link to the app needs no
 * refresh token on the way, and a front end on another site could not rely on its cookie in most browsers anyway.
 */
export async function cookieTransport(
  scope: FastifyInstance,
  { prefix, path, secure, origins }: CookieSettings
): Promise<Transport> {
  const [name, deviceName] = [`${prefix}refresh_token`, `${prefix}device_token`]
  if (path !== '/' && !`${scope.prefix}/`.startsWith(`${path}/`))
    throw invalidOption(
      `option "routes.cookie.path" must cover the auth routes, which are under ${scope.prefix}/`
    )
  // Its functions do nothing before it is registered somewhere: here on an instance of its own, where its decorators do not meet the host's.
  await Fastify().register(fastifyCookie)
  const { parse, serialize } = fastifyCookie
  scope.addHook('onRequest', sameOrigin(origins))
  scope.addHook('preValidation', async ({ body }) => {
    if (isObject(body) && 'refresh_token' in body)
      throw new RedisAuthError('FST_REDIS_AUTH_REFRESH_TOKEN_IN_BODY')
  })

  const attributes = { path, secure, httpOnly: true, sameSite: 'strict' } as const
  const gone = (place: { path?: string; domain?: string } = {}) =>
    serialize(name, '', { ...attributes, ...place, maxAge: 0 })

  /**
   * Removes what an older configuration, or something before us, may have left under our name: a browser keeps one for
   * each path and domain and sends them all. A name with __Host- has one place only.
   */
  function elsewhere({ routeOptions, hostname }: FastifyRequest): string[] {
    if (prefix === '__Host-') return []
    const segments = routeOptions.url!.split('/')
    const paths = segments.map((_, i) => segments.slice(0, i + 1).join('/') || '/')
    const labels = hostname.split('.').slice(-MOST_LABELS)
    const domains = labels.every((label) => DOMAIN_LABEL.test(label))
      ? labels.slice(0, -1).map((_, i) => labels.slice(i).join('.'))
      : []
    return paths
      .filter((path) => COOKIE_PATH.test(path))
      .flatMap((place) => [
        ...(place === path ? [] : [gone({ path: place })]),
        ...domains.map((domain) => gone({ path: place, domain }))
      ])
  }

  const transport: Transport = {
    refresh: {},
    logout: {},
    reply: CookieTokenReply,
    loginReply: CookieTokenReply,
    presented({ headers: { cookie = '' } }) {
      // One by one, because of one name parse() tells the first only.
      const values = cookie.split(';').map((pair) => parse(pair)[name])
      const tokens = new Set(values.filter((value) => value !== undefined && value !== ''))
      return [...tokens].slice(0, MOST_COOKIES) as string[]
    },
    presentedDevice: ({ headers: { cookie = '' } }) => parse(cookie)[deviceName],
    answer(request, reply, pair, deviceToken) {
      const { refresh_token, ...answer } = tokenReply(pair)
      const others = transport.presented(request).length > 1 ? elsewhere(request) : []
      const own = serialize(name, refresh_token, { ...attributes, maxAge: pair.refreshExpiresIn })
      // Ours last: some clients take a domain cookie of this very host for it.
      reply.header('set-cookie', [...others, own])
      if (deviceToken !== undefined)
        reply.header(
          'set-cookie',
          serialize(deviceName, deviceToken, { ...attributes, maxAge: DEVICE_TOKEN_LIFETIME })
        )
      return answer
    },
    clear(request, reply) {
      reply.header('set-cookie', [...elsewhere(request), gone()])
    }
  }
  return transport
}
