import { createRequire } from 'node:module'
import type { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MetricsRegistry } from '../../src/options/metrics.js'
import { invalidOption } from '../../src/options/rules.js'

const PREFIX = 'fastify_redis_auth_'

/** Makes metrics of prom-client in one registry. */
export class Meter {
  readonly #registry: MetricsRegistry
  readonly #client: typeof import('prom-client')
  readonly #names: string[] = []

  /** Throws FST_REDIS_AUTH_INVALID_OPTION without prom-client. */
  constructor(registry: MetricsRegistry) {
    this.#registry = registry
    this.#client = promClient()
  }

  counter<Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new this.#client.Counter(this.#define(name, help, labelNames))
  }

  /** A counter of what is counted elsewhere: `read` is asked at each scrape, and costs nothing between. */
  counterOf(name: string, help: string, read: () => number): void {
    new this.#client.Counter({
      ...this.#define(name, help),
      collect() {
        this.reset()
        this.inc(read())
      }
    })
  }

  /** A gauge that is set at each scrape. */
  gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    set: (gauge: Gauge<Label>) => void
  ): void {
    new this.#client.Gauge({
      ...this.#define(name, help, labelNames),
      collect() {
        set(this)
      }
    })
  }

  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[]
  ): Histogram<Label> {
    return new this.#client.Histogram({ ...this.#define(name, help, labelNames), buckets })
  }

  /** Leaves the registry to the next app. */
  close(): void {
    for (const name of this.#names) this.#registry.removeSingleMetric(name)
  }

  /** Throws FST_REDIS_AUTH_INVALID_OPTION for a registry in which another app counts: what is whose could not be told. */
  #define<Label extends string>(name: string, help: string, labelNames: Label[] = []) {
    const full = PREFIX + name
    if (this.#registry.getSingleMetric(full) !== undefined)
      throw invalidOption('option "metrics" is the registry of another app: give each app one of its own')
    this.#names.push(full)
    return { name: full, help, labelNames, registers: [this.#registry as Registry] }
  }
}

function promClient(): typeof import('prom-client') {
  try {
    return createRequire(import.meta.url)('prom-client')
  } catch {
    throw invalidOption('option "metrics" needs the package prom-client: npm install prom-client')
  }
}
