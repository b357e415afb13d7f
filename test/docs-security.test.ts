import { readFile } from 'node:fs/promises'
import t from 'tap'

const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

t.test('each test that docs/security.md names is there', async (t) => {
  const cited = [...(await text('../docs/security.md')).matchAll(/\| `([\w/.-]+\.test\.ts)`: (.*) \|$/gm)]
  t.ok(cited.length > 40)
  for (const [, file, title] of cited) t.ok((await text(`./${file}`)).includes(title!), `${file}: ${title}`)
})
