/** The style of JSON and of metrics: 'staleHits' → 'stale_hits' */
export const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
