import { hash, verify } from '@node-rs/argon2'
import type { Identity } from '../index.js'

/** Users of the demo. An app has a database; what matters here is that it keeps argon2id hashes and never a password. */
const users = new Map([
  ['ada', { name: 'Ada Lovelace', hash: await hash('analytical engine') }],
  ['grace', { name: 'Grace Hopper', hash: await hash('first compiler') }]
])

/** A hash that no password has: an unknown user takes as long to refuse as a wrong password. */
const nobody = await hash(crypto.randomUUID())

export async function findUser(username: string, password: string): Promise<Identity | null> {
  const user = users.get(username)
  const matches = await verify(user?.hash ?? nobody, password)
  return user !== undefined && matches ? { id: username, claims: { name: user.name } } : null
}
