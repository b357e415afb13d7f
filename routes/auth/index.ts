import type { FastifyPluginAsync } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import type { Settings } from '../../src/options.js'
import { cookieTransport } from './cookie-transport.js'
import { introspect } from './introspect.js'
import { login } from './login.js'
import { logout } from './logout.js'
import { logoutAll } from './logout-all.js'
import { speakOAuth } from './oauth.js'
import { refresh } from './refresh.js'
import { revoke } from './revoke.js'
import { sessions } from './sessions.js'
import { bodyTransport } from './transport.js'

/** The auth endpoints. */
export const authRoutes: FastifyPluginAsync<{ settings: Settings }> = async (scope, { settings }) => {
  // Here, and not left to Fastify's error handler, which the host may have replaced.
  scope.addHook('onError', async (_request, reply, error) => {
    if (error instanceof RedisAuthError) reply.headers(error.headers)
  })
  // On the way out, so that it holds for errors too, whatever error handler the host sets and whenever.
  scope.addHook('onSend', (_request, reply, _payload, done) => {
    reply.header('cache-control', 'no-store')
    const { statusCode } = reply
    if (statusCode === 401 && !reply.hasHeader('www-authenticate')) reply.header('www-authenticate', 'Bearer')
    if (statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', '1')
    done()
  })
  const cookie = settings.routes?.cookie
  const transport = cookie === undefined ? bodyTransport : await cookieTransport(scope, cookie)
  if (settings.login !== undefined) login(scope, settings, settings.login, transport)
  refresh(scope, settings, transport)
  logout(scope, settings, transport)
  logoutAll(scope, settings, transport)
  sessions(scope, settings, transport)
  await scope.register(async (oauth) => {
    speakOAuth(oauth)
    if (settings.routes?.revoke) revoke(oauth, settings)
    if (settings.routes?.introspect) introspect(oauth, settings, settings.routes.introspect)
  })
}
