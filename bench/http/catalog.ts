/** What a cached route answers: 1 KB of JSON. */
export const catalog = Array.from({ length: 12 }, (_, n) => ({
  id: 1000 + n,
  name: `A thing that is sold, number ${n}`,
  price: 9.5,
  tags: ['new', 'blue']
}))
