import { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto'

export type SigningAlgorithm = 'ES256' | 'RS256' | 'EdDSA'

/** A key of access tokens. */
export interface SigningKey {
  /** Its name in the header of tokens and in the key set: 1 to 128 printable ASCII characters without spaces, another for each key. Must be given. */
  kid: string
  /** 'ES256' with a P-256 key, 'EdDSA' with an Ed25519 key, 'RS256' with an RSA key of at least 2048 bits. Must be given. */
  alg: SigningAlgorithm
  /** PEM without a passphrase, or a KeyObject of node:crypto. Without it the key only verifies, so the first key must have it. */
  privateKey?: string | KeyObject | undefined
  /** PEM, or a KeyObject of node:crypto. Default: that of `privateKey`. */
  publicKey?: string | KeyObject | undefined
}

/** A key as the code uses it. KeyObjects show nothing of themselves when they are logged. */
export interface KeyPair {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly privateKey: KeyObject | undefined
  readonly publicKey: KeyObject
}

/** What each algorithm needs. */
export const keyTypes: Readonly<
  Record<SigningAlgorithm, readonly [fits: (key: KeyObject) => boolean, must: string]>
> = {
  ES256: [
    ({ asymmetricKeyType, asymmetricKeyDetails }) =>
      asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1',
    'be a key on the curve P-256'
  ],
  RS256: [
    ({ asymmetricKeyType, asymmetricKeyDetails }) =>
      asymmetricKeyType === 'rsa' && asymmetricKeyDetails!.modulusLength! >= 2048,
    'be an RSA key of at least 2048 bits'
  ],
  EdDSA: [({ asymmetricKeyType }) => asymmetricKeyType === 'ed25519', 'be an Ed25519 key']
}

/** The key in a PEM, or the key itself; undefined for anything else. */
export function readKey(value: unknown): KeyObject | undefined {
  if (value instanceof KeyObject) return value
  if (typeof value !== 'string') return undefined
  // The private key first: createPublicKey() would take it, and say nothing.
  for (const read of [createPrivateKey, createPublicKey]) {
    try {
      return read(value)
    } catch {}
  }
  return undefined
}
