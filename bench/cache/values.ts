/** A record as an app has many. */
export const user = (id: number) => ({
  id,
  name: `user ${id}`,
  mail: `user${id}@example.org`,
  roles: ['a', 'b']
})

/** What is 200 bytes of JSON, and 10 KB. */
export const values = {
  '200': { id: 1, name: 'x'.repeat(150), tags: ['a', 'b'], price: 1.5 },
  '10k': Array.from({ length: 135 }, (_, n) => user(100 + n))
} as const

export type Size = keyof typeof values
