/** Node runs a timer that is longer than this at once. */
export const LONGEST_TIMER = 0x7fff_ffff

/** Does something after `ms`, which may be Infinity. */
export const after = (ms: number, act: () => void): NodeJS.Timeout | undefined =>
  ms > LONGEST_TIMER ? undefined : setTimeout(act, ms)

/** What `promise` comes to, or after `ms` what `otherwise` does. */
export function atMost<T>(ms: number, promise: Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = after(ms, () => otherwise().then(resolve, reject))
    promise.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}
