import { setTimeout as sleep } from 'node:timers/promises'
import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isUnavailable, RedisAuthError } from '../../src/errors.js'
import { LogEvent } from '../../src/log.js'
import type { Login } from '../../src/options/login.js'
import type { GuardSettings } from '../../src/options/login-guard.js'
import type { Settings } from '../../src/options.js'
import { contextOf, limited } from './request.js'
import { errors, LoginBody } from './schemas.js'
import { end, type Transport } from './transport.js'

/**
 * POST /login: asks the guard whether it may, the app's callback who it is, and starts a session in place of the one
 * that the request came with.
 */
export function login(
  scope: FastifyInstance,
  { routes, limits, guard }: Settings,
  callback: Login<never>,
  transport: Transport
): void {
  const schema = { body: routes?.body ?? LoginBody, response: { 200: transport.loginReply, ...errors } }
  const attemptOf = guard && attempts(scope, guard, transport)
  scope.post('/login', { schema, config: limited(limits.login) }, async (request, reply) => {
    const context = contextOf(request)
    // The app's functions may throw whatever they like, a password included: the client is told nothing of it.
    const failed = (error: unknown): never => {
      request.log.error({ event: LogEvent.loginFailed, err: error }, 'The login callback failed')
      throw new RedisAuthError('FST_REDIS_AUTH_LOGIN_FAILED')
    }
    const locked = (error: unknown): never => {
      if (!isUnavailable(error)) scope.tokens.loginFailed(context, 'locked')
      throw error
    }
    const attempt = await (async () => attemptOf?.(request))().catch(failed)
    const admission = attempt && (await scope.loginGuard.enter(attempt).catch(locked))

    const identity = await (async () => callback(request.body as never, request))().catch(async (error) => {
      await (admission && scope.loginGuard.abandon(admission))
      await answerAlike(reply, guard)
      return failed(error)
    })
    if (identity === null || identity === undefined) {
      if (admission) scope.loginGuard.fail(admission)
      scope.tokens.loginFailed(context)
      await answerAlike(reply, guard)
      throw new RedisAuthError('FST_REDIS_AUTH_INVALID_CREDENTIALS')
    }
    // In one round trip. Whatever becomes of the session, the password was right.
    const [pair, deviceToken] = await Promise.all([
      scope.tokens
        .issue(identity, context)
        // An identity that can not be one is the callback's failure; Redis away is not.
        .catch((error) => (error instanceof TypeError ? failed(error) : Promise.reject(error))),
      admission && scope.loginGuard.succeed(admission)
    ])
    // Only now, so that a login that fails ends nothing. If this fails, it has: the new session is nobody's.
    await end(scope.tokens, transport.presented(request), context)
    return transport.answer(request, reply, pair, deviceToken)
  })
}

/** What the guard is told of a request. */
function attempts(scope: FastifyInstance, guard: GuardSettings, transport: Transport) {
  let warned = false
  return (request: FastifyRequest) => {
    const { body, ip } = request
    const name = guard.account(body as never)
    if ((name === null || name === undefined) && !warned) {
      warned = true
      scope.log.warn(
        { event: LogEvent.loginNamesNobody },
        'A login names no account, so failures are counted by ip alone: option "rateLimit.guard.account" says where the name is'
      )
    }
    return {
      account: typeof name === 'string' || typeof name === 'number' ? String(name) : '',
      ip: normalizeIP(ip ?? ''),
      deviceToken: transport.presentedDevice(request)
    }
  }
}

/** Waits for the next multiple of `failureDelay` since the request came, whatever the password check took. */
async function answerAlike(reply: FastifyReply, guard: GuardSettings | undefined): Promise<void> {
  if (!guard?.failureDelay) return
  const { failureDelay } = guard
  await sleep(Math.ceil(failureDelay - (reply.elapsedTime % failureDelay)))
}
