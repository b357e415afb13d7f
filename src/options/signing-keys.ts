import { createPublicKey } from 'node:crypto'
import { type KeyPair, keyTypes, readKey, type SigningKey } from '../tokens/signing-key.js'
import { checkOptions, checkRequired, invalidOption, type Rules } from './rules.js'

export const signingKeyRules: Rules<SigningKey> = {
  kid: [
    (value) => typeof value === 'string' && /^[!-~]{1,128}$/.test(value),
    'be 1 to 128 printable ASCII characters without spaces'
  ],
  alg: [
    (value) => typeof value === 'string' && Object.hasOwn(keyTypes, value),
    "be 'ES256', 'RS256' or 'EdDSA'"
  ],
  privateKey: [
    (value) => readKey(value)?.type === 'private',
    'be a private key: PEM without a passphrase, or a KeyObject'
  ],
  publicKey: [(value) => readKey(value)?.type === 'public', 'be a public key: PEM, or a KeyObject']
}

/** Checks option `tokens.keys`, which is known to be a list. Throws FST_REDIS_AUTH_INVALID_OPTION, naming the option and nothing of the key. */
export function parseKeys(keys: readonly SigningKey[]): readonly KeyPair[] {
  const pairs = keys.map((key, index) => parseKey(`tokens.keys[${index}]`, key))
  const kids = pairs.map(({ kid }) => kid)
  for (const [index, kid] of kids.entries())
    if (kids.indexOf(kid) !== index)
      throw invalidOption(
        `option "tokens.keys[${index}].kid" must not be that of "tokens.keys[${kids.indexOf(kid)}]"`
      )
  if (pairs[0]!.privateKey === undefined)
    throw invalidOption('option "tokens.keys[0].privateKey" is required: the first key signs')
  return pairs
}

function parseKey(path: string, key: SigningKey): KeyPair {
  checkOptions(path, key, signingKeyRules)
  const { kid, alg } = key
  checkRequired(path, key, ['kid', 'alg'])
  const privateKey = readKey(key.privateKey)
  const publicKey = readKey(key.publicKey) ?? (privateKey && createPublicKey(privateKey))
  if (publicKey === undefined)
    throw invalidOption(
      `option "${path}.privateKey" is required, or "${path}.publicKey" for a key that only verifies`
    )
  const [fits, must] = keyTypes[alg]
  for (const [option, given] of Object.entries({ privateKey, publicKey }))
    if (given !== undefined && !fits(given))
      throw invalidOption(`option "${path}.${option}" must ${must}, as "${path}.alg" is '${alg}'`)
  if (privateKey !== undefined && !createPublicKey(privateKey).equals(publicKey))
    throw invalidOption(`option "${path}.publicKey" must be that of "${path}.privateKey"`)
  return { kid, alg, privateKey, publicKey }
}
