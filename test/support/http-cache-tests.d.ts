/** The public suite of tests for HTTP caches (cache-tests.fyi), which has no types of its own. */
declare module 'http-cache-tests/tests/index.mjs' {
  interface CacheTest {
    readonly id: string
    readonly name: string
    /** What it means to fail; 'required' where nothing is said. */
    readonly kind?: 'required' | 'optimal' | 'check'
    readonly browser_only?: boolean
    readonly depends_on?: readonly string[]
    readonly requests: readonly Record<string, unknown>[]
  }
  const suites: readonly { id: string; name: string; tests: readonly CacheTest[] }[]
  export default suites
}

declare module 'http-cache-tests/client/runner.mjs' {
  import type suites from 'http-cache-tests/tests/index.mjs'

  /** True for a test that has passed, else what went wrong and whose fault it is. */
  type Result = true | [kind: string, message: string]
  type Fetch = (url: string, init?: never) => Promise<unknown>
  export function runTests(
    tests: typeof suites,
    fetch: Fetch,
    browser: boolean,
    base: string,
    chunk?: number
  ): Promise<void>
  export function getResults(): Record<string, Result>
}

declare module 'http-cache-tests/server/handle-test.mjs' {
  export default function handleTest(path: string[], request: unknown, response: unknown): void
}

declare module 'http-cache-tests/server/utils.mjs' {
  export const stash: Map<string, unknown>
  export function setConfig(id: string, requests: unknown): void
}
