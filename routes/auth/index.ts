import type { FastifyError, FastifyPluginAsync } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import type { Settings } from '../../src/settings.js'
import { login } from './login.js'
import { logout } from './logout.js'
import { logoutAll } from './logout-all.js'
import { refresh } from './refresh.js'
import { sessions } from './sessions.js'

/** The auth endpoints. */
export const authRoutes: FastifyPluginAsync<{ settings: Settings }> = async (scope, { settings }) => {
  scope.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  // The headers of an error, whatever error handler the host has; it still has the last word.
  scope.setErrorHandler((error: FastifyError, _request, reply) => {
    if (error instanceof RedisAuthError) reply.headers(error.headers)
    throw error
  })
  if (settings.login !== undefined) login(scope, settings, settings.login)
  refresh(scope, settings)
  logout(scope, settings)
  logoutAll(scope, settings)
  sessions(scope, settings)
}
