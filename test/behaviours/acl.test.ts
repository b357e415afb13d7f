import { readFile } from 'node:fs/promises'
import t from 'tap'
import { useEverything } from '../support/everything.js'
import { observer, server } from '../support/redis.js'

const text = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const rights = /^ACL SETUSER app (.*)$/m.exec(text)![1]!.split(' ')

t.test('an app with everything on needs the rights in docs/operations.md, and no others', async (t) => {
  const place = await server(t, '--acllog-max-len', '10000')
  if (place === undefined) return
  const admin = await observer(t, place.url)

  /** What goes wrong in an app with these rights but one. */
  const use = async (user: string, lacking?: string) => {
    await admin.sendCommand(['ACL', 'SETUSER', user, ...rights.filter((right) => right !== lacking)])
    const url = place.url.replace('//', `//${encodeURIComponent(user)}:PASSWORD@`)
    return useEverything(t, { url, keyPrefix: `fra:${user}:`, commandTimeout: '10s' })
  }
  t.same(await use('app'), [])

  /** Runs an app without each of these rights, and sees that Redis refused it what it lacks. */
  const lack = async (...those: string[]) => {
    const failures = await Promise.all(those.map((right) => use(`without${right}`, right)))
    const log = (await admin.sendCommand(['ACL', 'LOG', '10000'])) as string[][]
    for (const [n, right] of those.entries()) {
      const refused = log.filter((entry) => entry.includes(`without${right}`))
      const name = right.slice(1).split(/[|*]/)[0]!
      t.ok(
        refused.some((entry) => entry[entry.indexOf('object') + 1]!.startsWith(name)),
        `it asks for ${right}`
      )
      t.not(failures[n]!.length, 0, `something fails without ${right}`)
    }
  }
  // Scripts are sent whole only to a server that does not know them.
  await admin.scriptFlush()
  await lack('+eval')
  const others = rights.filter((right) => /^[+&~]/.test(right) && right !== '+eval')
  while (others.length > 0) await lack(...others.splice(0, 6))
})
