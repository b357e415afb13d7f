import type { FastifyInstance, RouteOptions } from 'fastify'
import { LogEvent } from '../../src/log.js'

/** Makes a context declare routes only where the app has none yet. What it answers is of this moment, errors too. */
export function declareIn(
  scope: FastifyInstance
): (route: RouteOptions & { method: 'GET' | 'POST' }) => void {
  scope.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  return (route) => {
    const { method } = route
    const url = scope.prefix + route.url
    if (scope.hasRoute({ method, url }))
      scope.log.info({ event: LogEvent.healthPathTaken, method, url }, 'The app has a route of its own here')
    else scope.route({ exposeHeadRoute: method === 'GET', ...route })
  }
}
