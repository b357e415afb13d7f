import type { Guard } from './routes.js'
import { callback, checkOptions, type Rules } from './rules.js'

/** A path at which the app has a route already is left to it. An app that declares one later gives another `prefix`. */
export interface HealthOptions {
  /** Default: '/health'. */
  prefix?: string | undefined
  /**
   * An onRequest hook that lets operators in. With it there are also GET `<prefix>/detailed`, GET /redis/stats and POST /redis/test,
   * under the limit `rateLimit.routes`, which comes first. It is wanted most while Redis is away, so it should not need Redis. Default: none of them.
   */
  guard?: Guard | undefined
}

export interface HealthSettings {
  readonly prefix: string
  readonly guard: Guard | undefined
}

export const healthRules: Rules<HealthOptions> = {
  prefix: [
    (value) => typeof value === 'string' && /^(?:\/[^/\s]+)+$/.test(value),
    "be a path such as '/health', without a slash at its end"
  ],
  guard: callback
}

export function parseHealth(options: HealthOptions): HealthSettings {
  checkOptions('health', options, healthRules)
  return { prefix: options.prefix ?? '/health', guard: options.guard }
}
