/** The regular expression that matches what Redis's glob matches: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and `\` before a literal character. */
export function globToRegExp(glob: string): RegExp {
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  const source = glob.replace(
    /\\([\s\S])|(\*)|(\?)|\[(\^?)((?:\\[\s\S]|[^\]\\])*)\]|([\s\S])/g,
    (...groups) => {
      const [, escaped, star, question, negated, members, other] = groups as (string | undefined)[]
      if (star) return '[\\s\\S]*'
      if (question) return '[\\s\\S]'
      if (members !== undefined) return characterClass(members, negated === '^', literal)
      return literal(escaped ?? other ?? '')
    }
  )
  return new RegExp(`^${source}$`)
}

function characterClass(members: string, negated: boolean, literal: (text: string) => string): string {
  if (members === '') return negated ? '[\\s\\S]' : '(?!)'
  const source = members.replace(/\\([\s\S])|([\s\S])(-)(?=[\s\S])|([\s\S])/g, (...groups) => {
    const [, escaped, from, dash, other] = groups as (string | undefined)[]
    if (dash) return `${literal(from ?? '')}-`
    return literal(escaped ?? other ?? '')
  })
  return `[${negated ? '^' : ''}${source}]`
}
