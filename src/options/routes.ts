import type { TSchema } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { bareOrigin } from '../origin.js'
import type { Environment } from './environment.js'
import { boolean, callback, checkOptions, invalidOption, isString, object, type Rules } from './rules.js'

export interface RouteOptions<Body extends TSchema = TSchema> {
  /** Default: '/auth'. */
  prefix?: string | undefined
  /** The schema of POST /login's body. Default: { username, password, device_token? }. */
  body?: Body | undefined
  /** How refresh tokens travel: in JSON bodies, or in a cookie that scripts can not read, for browsers. One excludes the other. Default: 'body'. */
  transport?: 'body' | 'cookie' | undefined
  /** Only with transport 'cookie'. */
  cookie?: CookieOptions | undefined
  /** POST /revoke (RFC 7009): ends the session of the refresh token or access token that it is given. Default: false. */
  revoke?: boolean | undefined
  /**
   * POST /introspect (RFC 7662): what a token says, for the services that this hook lets in. The limit
   * `rateLimit.routes` comes first; its `allowList` takes the addresses of services that ask more often. Default: no such route.
   */
  introspect?: Guard | undefined
}

/** The cookie is Secure, HttpOnly and SameSite=Strict, and lives as long as its session; not Secure, and named without a prefix, only when NODE_ENV is development or test. */
export interface CookieOptions {
  /** Confines the cookie to this path, which must cover the auth routes; it is then `__Secure-refresh_token`. Default: none, it is `__Host-refresh_token` with Path=/. */
  path?: string | undefined
  /** Further origins whose pages may use the auth routes, such as 'https://app.example.com'. Of another site they get no cookie: it is Strict. Default: none but that of the app. */
  origins?: readonly string[] | undefined
}

/** A hook of Fastify, async or with a callback, that refuses a request by an error or an answer. */
export type Guard = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction
  // biome-ignore lint/suspicious/noConfusingVoidType: with a callback it returns nothing
) => void | Promise<unknown>

export interface RouteSettings {
  readonly prefix: string
  readonly body: TSchema | undefined
  readonly revoke: boolean
  readonly introspect: Guard | undefined
  /** Undefined: refresh tokens travel in bodies. */
  readonly cookie: CookieSettings | undefined
}

export interface CookieSettings {
  /** What the names of cookies begin with. */
  readonly prefix: '__Host-' | '__Secure-' | ''
  readonly path: string
  readonly secure: boolean
  readonly origins: ReadonlySet<string>
}

export const routeRules: Rules<RouteOptions> = {
  prefix: [
    (value) => typeof value === 'string' && /^(?:\/[^/\s]+)*$/.test(value),
    "be a path such as '/auth', without a slash at its end"
  ],
  body: object,
  transport: [(value) => value === 'body' || value === 'cookie', "be 'body' or 'cookie'"],
  cookie: object,
  revoke: boolean,
  introspect: callback
}

export const cookieRules: Rules<CookieOptions> = {
  path: [
    (value) => typeof value === 'string' && /^(?:\/[!-.0-:=-~]+)+$/.test(value),
    "be a path such as '/auth', without a slash at its end"
  ],
  origins: [
    (value) => Array.isArray(value) && value.every((origin) => isString(origin) && bareOrigin(origin)),
    "be a list of origins such as 'https://app.example.com', without paths and wildcards"
  ]
}

export function parseRoutes(options: RouteOptions, env: Environment): RouteSettings {
  checkOptions('routes', options, routeRules)
  const { prefix = '/auth', body, transport = 'body', cookie, revoke = false, introspect } = options
  if (transport === 'body' && cookie !== undefined)
    throw invalidOption('option "routes.cookie" has no effect unless "routes.transport" is \'cookie\'')
  return {
    prefix,
    body,
    cookie: transport === 'cookie' ? parseCookie(cookie, env) : undefined,
    revoke,
    introspect
  }
}

function parseCookie(options: CookieOptions = {}, { NODE_ENV }: Environment): CookieSettings {
  checkOptions('routes.cookie', options, cookieRules)
  const { path, origins = [] } = options
  // Not every browser takes a Secure cookie over http, not even from localhost.
  const secure = NODE_ENV !== 'development' && NODE_ENV !== 'test'
  const prefix = path === undefined ? '__Host-' : '__Secure-'
  return {
    prefix: secure ? prefix : '',
    path: path ?? '/',
    secure,
    origins: new Set(origins.map((origin) => bareOrigin(origin)!))
  }
}
