type Loss = readonly [what: string, becomes: string]

const MAX_PARTS = 1000

/**
 * What JSON does not give back as it was: of each kind the first, as a sentence that names its place in `value`. A
 * property that is undefined is no loss: it is as good as absent. A plain object with a method toJSON says
 * itself what is to be stored. Looks at no more than 1000 parts of a value.
 */
export function findLosses(value: unknown): ReadonlyMap<string, string> {
  const losses = new Map<string, string>()
  let parts = 0
  const lose = (path: string, [what, becomes]: Loss) => {
    if (!losses.has(what)) losses.set(what, `${path || 'the value'} is ${what}, which is ${becomes}`)
  }
  const visit = (part: unknown, path: string, inArray: boolean) => {
    if (parts++ >= MAX_PARTS) return
    const loss = typeof part === 'object' && part !== null ? lossOfObject(part) : lossOfOther(part, inArray)
    if (loss !== undefined) lose(path, loss)
    else if (Array.isArray(part)) {
      for (const [index, member] of part.entries()) visit(member, `${path}[${index}]`, true)
    } else if (typeof part === 'object' && part !== null && !('toJSON' in part)) {
      for (const symbol of Object.getOwnPropertySymbols(part))
        lose(`${path}[${String(symbol)}]`, ['under a symbol', 'left out'])
      for (const [name, member] of Object.entries(part)) visit(member, path + step(path, name), false)
    }
  }
  visit(value, '', false)
  return losses
}

function lossOfObject(value: object): Loss | undefined {
  if (value instanceof Date)
    return ['a Date', `read back as ${Number.isNaN(value.getTime()) ? 'null' : 'a string'}`]
  const prototype = Object.getPrototypeOf(value)
  // Plain objects and arrays, those of other realms included.
  if (prototype === null || Object.getPrototypeOf(prototype) === null || Array.isArray(value))
    return undefined
  const name = value.constructor?.name || 'a class'
  const becomes = 'toJSON' in value ? 'what its toJSON() says' : 'a plain object'
  return [`an instance of ${name}`, `read back as ${becomes}`]
}

function lossOfOther(value: unknown, inArray: boolean): Loss | undefined {
  if (typeof value === 'number') {
    if (Object.is(value, -0)) return ['-0', 'read back as 0']
    return Number.isFinite(value) ? undefined : [String(value), 'read back as null']
  }
  if (typeof value === 'function' || typeof value === 'symbol')
    return [`a ${typeof value}`, inArray ? 'read back as null' : 'left out']
  return value === undefined && inArray ? ['undefined', 'read back as null'] : undefined
}

const step = (path: string, name: string): string =>
  /^[\p{L}_$][\p{L}\d_$]*$/u.test(name) ? (path === '' ? name : `.${name}`) : `[${JSON.stringify(name)}]`
