import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import type { Limit } from '../../src/options/rate-limit.js'
import { limitExceeded } from '../../src/rate-limit/limit-exceeded.js'
import type { RequestContext } from '../../src/tokens/session-details.js'

export const contextOf = ({ ip, headers }: FastifyRequest): RequestContext => ({
  ip,
  userAgent: headers['user-agent']
})

/**
 * A limit as @fastify/rate-limit wants it in the config of a route. It says itself what exceeding it is answered with:
 * a host that registered @fastify/rate-limit too reads it as well. No limit of ours leaves those of the app in force.
 */
export const limited = (limit: Limit | undefined): FastifyContextConfig =>
  limit === undefined ? {} : { rateLimit: { errorResponseBuilder: limitExceeded, ...limit } }
