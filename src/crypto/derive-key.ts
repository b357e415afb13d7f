import { hkdfSync } from 'node:crypto'

/** What a key is for: so that one kind of token never passes for another. */
type KeyPurpose = 'refresh' | 'access' | 'device' | 'ticket'

/** The 32-byte key for a purpose, from the secret and the key prefix by HKDF-SHA256 (RFC 5869): apps with other prefixes share no key. */
export const deriveKey = (secret: string, purpose: KeyPurpose, keyPrefix: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `fastify-redis-auth/1/${purpose}/${keyPrefix}`, 32))
