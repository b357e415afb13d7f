import type { FastifyInstance } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import { LogEvent } from '../../src/log.js'
import type { Login } from '../../src/options.js'
import type { Settings } from '../../src/settings.js'
import { contextOf, limited } from './request.js'
import { errors, LoginBody } from './schemas.js'
import { end, type Transport } from './transport.js'

/** POST /login: asks the app's callback who it is, and starts a session in place of the one that the request came with. */
export function login(
  scope: FastifyInstance,
  { routes, limits }: Settings,
  callback: Login<never>,
  transport: Transport
): void {
  const schema = { body: routes?.body ?? LoginBody, response: { 200: transport.reply, ...errors } }
  scope.post('/login', { schema, config: limited(limits.login) }, async (request, reply) => {
    // The callback may throw whatever it likes, a password included: the client is told nothing of it.
    const failed = (error: unknown): never => {
      request.log.error({ event: LogEvent.loginFailed, err: error }, 'The login callback failed')
      throw new RedisAuthError('FST_REDIS_AUTH_LOGIN_FAILED')
    }
    const identity = await (async () => callback(request.body as never, request))().catch(failed)
    if (identity === null || identity === undefined) {
      scope.tokens.loginFailed(contextOf(request))
      throw new RedisAuthError('FST_REDIS_AUTH_INVALID_CREDENTIALS')
    }
    const pair = await scope.tokens
      .issue(identity, contextOf(request))
      // An identity that can not be one is the callback's failure; Redis away is not.
      .catch((error) => (error instanceof TypeError ? failed(error) : Promise.reject(error)))
    // Only now, so that a login that fails ends nothing. If this fails, it has: the new session is nobody's.
    await end(scope.tokens, transport.presented(request), contextOf(request))
    return transport.answer(request, reply, pair)
  })
}
