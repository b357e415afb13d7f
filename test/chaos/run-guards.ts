/**
 * Takes away one guard at a time, in a copy of the sources, and shows that the storm then fails: `npm run
 * test:chaos:guards`. CHAOS_GUARD: a regular expression of the guards wanted.
 */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Guard, guards, without } from './guards.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const storm = fileURLToPath(new URL('storm.ts', import.meta.url))
const SOURCES = ['index.ts', 'src', 'plugins', 'routes', 'package.json']

/** What a storm over some scenarios says to a copy of the sources, with a guard taken away. */
async function run(scenarios: string, guard?: Guard): Promise<string[]> {
  const copy = await mkdtemp(join(tmpdir(), 'chaos-guard-'))
  try {
    for (const name of SOURCES) await cp(join(root, name), join(copy, name), { recursive: true })
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
    if (guard !== undefined) {
      const file = join(copy, guard.file)
      await writeFile(file, without(guard, await readFile(file, 'utf8')))
    }
    const plugin = pathToFileURL(join(copy, 'index.ts')).href
    const env = { ...process.env, CHAOS_PLUGIN: plugin, CHAOS_ONLY: scenarios }
    const args = [...process.execArgv, storm]
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    for await (const chunk of child.stdout) output += chunk
    if (!/^(?:All that must hold|Again:)/m.test(output)) throw new Error(`the storm broke off: ${output}`)
    return [...output.matchAll(/^WRONG (.+), (\d+) times:$/gm)].map(([, what, times]) => `${what} (${times})`)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

const wanted = guards.filter(({ name }) => new RegExp(process.env.CHAOS_GUARD ?? '').test(name))
const names = [...new Set(wanted.map(({ scenarios }) => scenarios))]
const held = await run(names.join('|'))
console.log('| without the guard | in scenario | what goes wrong |\n| --- | --- | --- |')
console.log(`| none taken away | all of these | ${held.join(', ') || 'nothing'} |`)
process.exitCode = held.length === 0 ? 0 : 1
for (const guard of wanted) {
  const findings = await run(guard.scenarios, guard)
  const noticed = findings.some((finding) => finding.startsWith(`${guard.wrong} (`))
  process.exitCode ||= noticed ? 0 : 1
  console.log(
    `| ${guard.name} | ${guard.scenarios} | ${findings.join(', ')}${noticed ? '' : ` **not ${guard.wrong}**`} |`
  )
}
