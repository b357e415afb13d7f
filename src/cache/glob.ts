/** Tells whether a key is one that Redis's glob matches, byte by byte as Redis does. No regular expression: with several stars it could take for ever on a key that users choose. */
export function globMatcher(glob: string): (key: string) => boolean {
  const pattern = parse(Buffer.from(glob))
  return (key) => {
    const bytes = Buffer.from(key)
    let [at, p, star, mark] = [0, 0, -1, 0]
    while (at < bytes.length) {
      const token = pattern[p]
      if (token === '*') {
        star = p++
        mark = at
      } else if (token?.(bytes[at]!)) {
        p++
        at++
      } else if (star !== -1) {
        p = star + 1
        at = ++mark
      } else return false
    }
    while (pattern[p] === '*') p++
    return p === pattern.length
  }
}

type Token = '*' | ((byte: number) => boolean)
const [STAR, QUESTION, OPEN, CLOSE, ESCAPE, NOT, DASH] = Buffer.from('*?[]\\^-')

function parse(glob: Buffer): Token[] {
  const tokens: Token[] = []
  for (let i = 0; i < glob.length; i++) {
    const byte = glob[i]!
    if (byte === STAR) tokens.push('*')
    else if (byte === QUESTION) tokens.push(() => true)
    else if (byte === OPEN) {
      const negated = glob[i + 1] === NOT
      if (negated) i++
      const members = new Set<number>()
      // A class that is not closed ends with the pattern.
      for (i++; i < glob.length && glob[i] !== CLOSE; i++) {
        if (glob[i] === ESCAPE && i + 1 < glob.length) members.add(glob[++i]!)
        else if (glob[i + 1] === DASH && i + 2 < glob.length) {
          const [from, to] = [glob[i]!, glob[i + 2]!].sort((a, b) => a - b) as [number, number]
          for (let member = from; member <= to; member++) members.add(member)
          i += 2
        } else members.add(glob[i]!)
      }
      tokens.push((other) => members.has(other) !== negated)
    } else {
      const literal = byte === ESCAPE && i + 1 < glob.length ? glob[++i]! : byte
      tokens.push((other) => other === literal)
    }
  }
  return tokens
}
