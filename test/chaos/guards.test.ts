import { readFile } from 'node:fs/promises'
import t from 'tap'
import { guards, without } from './guards.js'
import { scenarios } from './scenarios.js'

t.test('every guard that the storm is to miss stands in the sources, and has a scenario', async (t) => {
  for (const guard of guards) {
    const source = await readFile(new URL(`../../${guard.file}`, import.meta.url), 'utf8')
    t.not(without(guard, source), source, guard.name)
    t.ok(scenarios.some(({ name }) => new RegExp(guard.scenarios).test(name)))
  }
})

t.test('a guard that has moved is an error', async (t) => {
  t.throws(() => without(guards[0]!, 'something else'), /is to hold once/)
})
