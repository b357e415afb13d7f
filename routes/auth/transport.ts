import type { TSchema } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Session } from '../../src/tokens/session.js'
import type { RequestContext } from '../../src/tokens/session-details.js'
import type { TokenManager, TokenPair } from '../../src/tokens/token-manager.js'
import { LoginReply, LogoutBody, RefreshBody, TokenReply, tokenReply } from './schemas.js'

/** How refresh tokens travel between the client and the routes: option `routes.transport`. */
export interface Transport {
  /** The schema of the bodies of refresh, and of logout and logout-all; none where nothing travels in them. */
  readonly refresh: { readonly body?: TSchema }
  readonly logout: { readonly body?: TSchema }
  /** What {@link answer} answers to a refresh, and to a login. */
  readonly reply: TSchema
  readonly loginReply: TSchema
  /** The refresh tokens of a request, good or bad; more than one only where a browser has kept several cookies. */
  presented(request: Pick<FastifyRequest, 'body' | 'headers'>): string[]
  /** The token by which the login guard knows a device. */
  presentedDevice(request: Pick<FastifyRequest, 'body' | 'headers'>): string | undefined
  /** Hands out a pair, and to a login the token of its device. */
  answer(request: FastifyRequest, reply: FastifyReply, pair: TokenPair, deviceToken?: string): object
  /** Takes the refresh token from the client. */
  clear(request: FastifyRequest, reply: FastifyReply): void
}

export const bodyTransport: Transport = {
  refresh: { body: RefreshBody },
  logout: { body: LogoutBody },
  reply: TokenReply,
  loginReply: LoginReply,
  presented({ body }) {
    const token = textIn(body, 'refresh_token')
    return token === undefined ? [] : [token]
  },
  presentedDevice: ({ body }) => textIn(body, 'device_token'),
  answer: (_request, _reply, pair, deviceToken) => ({
    ...tokenReply(pair),
    ...(deviceToken !== undefined && { device_token: deviceToken })
  }),
  // The client has it, and forgets it.
  clear() {}
}

/** A null is coerced to '', which is no token. */
function textIn(body: unknown, field: string): string | undefined {
  const text = (body as Record<string, unknown> | null | undefined)?.[field]
  return typeof text === 'string' && text !== '' ? text : undefined
}

/** Of the sessions that these tokens could be exchanged in now the newest, with its token. Undefined when there is none. */
export async function newest(
  tokens: TokenManager,
  presented: readonly string[]
): Promise<(Session & { userId: string; token: string }) | undefined> {
  const found = await Promise.all(
    presented.map(async (token) => {
      const session = await tokens.inspect(token)
      return session === null ? [] : [{ ...session, token }]
    })
  )
  return found.flat().sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())[0]
}

/** Ends the sessions of these tokens; those that are no good are as good as ended. */
export async function end(
  tokens: TokenManager,
  presented: readonly string[],
  context: RequestContext
): Promise<void> {
  await Promise.all(presented.map((token) => tokens.revoke(token, context)))
}
