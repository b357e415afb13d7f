import type { onSendAsyncHookHandler, preHandlerHookHandler, RouteOptions } from 'fastify'

interface RouteHooks {
  preHandler: preHandlerHookHandler
  onSend: onSendAsyncHookHandler
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
export function enclose(
  route: RouteOptions,
  preHandler: preHandlerHookHandler,
  onSend: onSendAsyncHookHandler
): void {
  const place = () => {
    append(route, 'preHandler', preHandler)
    prepend(route, 'onSend', onSend)
  }
  place()
  queueMicrotask(place)
}
