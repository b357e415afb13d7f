import { channel } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'

interface EarlyRoute {
  readonly instance: FastifyInstance
  readonly route: RouteOptions
}

const declared = new WeakMap<object, EarlyRoute[]>()

// A route that is declared before the plugin is registered never meets its hooks, and Fastify has no list of routes with their config.
channel('fastify.initialization').subscribe((message) => {
  const { fastify } = message as { fastify: FastifyInstance }
  const routes: EarlyRoute[] = []
  declared.set(fastify.server, routes)
  fastify.addHook('onRoute', function (route) {
    if (isConcerned(route)) routes.push({ instance: this, route })
  })
})

/** Whether a route says something of caching. */
export const isConcerned = ({ config }: RouteOptions): boolean =>
  (config?.cache ?? false) !== false || config?.invalidates !== undefined

/** A route of `instance`, or of one below it, that was declared already and says something of caching. */
export const earlyRoute = (instance: FastifyInstance): RouteOptions | undefined =>
  declared
    .get(instance.server)
    ?.find(({ instance: its }) => its === instance || Object.prototype.isPrototypeOf.call(instance, its))
    ?.route
