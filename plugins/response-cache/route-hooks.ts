import type { FastifyReply, FastifyRequest, preHandlerHookHandler, RouteOptions } from 'fastify'

interface RouteHooks {
  preHandler: preHandlerHookHandler
  /** Answers a promise of the payload, or calls `done`. */
  onSend(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (error: null, payload: unknown) => void
  ): unknown
}

const hooksOf = (route: RouteOptions, hook: keyof RouteHooks): unknown[] => [route[hook] ?? []].flat()

/** Puts a hook before those of the route. The route's own list is left as it is: other routes may share it. */
export function prepend<H extends keyof RouteHooks>(
  route: RouteOptions,
  hook: H,
  handler: RouteHooks[H]
): void {
  route[hook] = [handler, ...hooksOf(route, hook).filter((other) => other !== handler)] as never
}

/** Puts a hook behind those of the route. */
function append<H extends keyof RouteHooks>(route: RouteOptions, hook: H, handler: RouteHooks[H]): void {
  route[hook] = [...hooksOf(route, hook).filter((other) => other !== handler), handler] as never
}

/**
 * Puts a hook last before the handler, and one first behind it: all guards of the route have had their say, and nothing
 * has compressed the answer. Once more when the route is declared, for other plugins add theirs in the same moment.
 */
export function enclose(route: RouteOptions, { preHandler, onSend }: RouteHooks): void {
  const place = () => {
    append(route, 'preHandler', preHandler)
    prepend(route, 'onSend', onSend)
  }
  place()
  queueMicrotask(place)
}
