import type { FastifyPluginAsync } from 'fastify'
import type { Settings } from '../../src/settings.js'
import { introspect } from './introspect.js'
import { login } from './login.js'
import { logout } from './logout.js'
import { logoutAll } from './logout-all.js'
import { speakOAuth } from './oauth.js'
import { refresh } from './refresh.js'
import { revoke } from './revoke.js'
import { sessions } from './sessions.js'

/** The auth endpoints. */
export const authRoutes: FastifyPluginAsync<{ settings: Settings }> = async (scope, { settings }) => {
  // On the way out, so that it holds for errors too, whatever error handler the host sets and whenever.
  scope.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    const { statusCode } = reply
    if (statusCode === 401 && !reply.hasHeader('www-authenticate')) reply.header('www-authenticate', 'Bearer')
    if (statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', '1')
  })
  if (settings.login !== undefined) login(scope, settings, settings.login)
  refresh(scope, settings)
  logout(scope, settings)
  logoutAll(scope, settings)
  sessions(scope, settings)
  await scope.register(async (oauth) => {
    speakOAuth(oauth)
    if (settings.routes?.revoke) revoke(oauth, settings)
    if (settings.routes?.introspect) introspect(oauth, settings, settings.routes.introspect)
  })
}
