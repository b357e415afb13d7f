/** Who logs in: what a session takes depends on the ip and the browser. */
export const visitor = (n: number) => ({
  ip: `203.0.113.${n % 256}`,
  userAgent:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36'
})

/** As long as those of a service with many users are. */
export const userId = (n: number) => `user-${100_000 + n}`
