import { isObject, type Rule } from './rules.js'

/** What is used of a Registry of prom-client: its own type would ask everybody to install it. */
export interface MetricsRegistry {
  registerMetric(metric: never): void
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
}

const METHODS = ['registerMetric', 'getSingleMetric', 'removeSingleMetric'] as const

export const registry: Rule = [
  (value) =>
    isObject(value) &&
    METHODS.every((method) => typeof (value as Partial<MetricsRegistry>)[method] === 'function'),
  'be a Registry of prom-client'
]
