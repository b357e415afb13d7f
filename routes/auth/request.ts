import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import type { Limit } from '../../src/options.js'
import type { RequestContext } from '../../src/tokens/session-details.js'

export const contextOf = ({ ip, headers }: FastifyRequest): RequestContext => ({
  ip,
  userAgent: headers['user-agent']
})

/** A limit as @fastify/rate-limit wants it in the config of a route. */
export const limited = (limit: Limit | undefined): FastifyContextConfig => ({ rateLimit: limit ?? false })
