/** The bytes of a text that is the one base64url form of them, else undefined: what can be spelled in two ways can be presented as two. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
