// A server in a process of its own: which file exports it, and its name there.
import type { AddressInfo } from 'node:net'
import type { Load, Server } from './server.js'

/** What to send next; how much this process has worked, in µs. */
export type Question = 'load' | 'cpu'
export interface Answer {
  readonly port: number
  readonly load: Load
  readonly cpu: number
}

const [, , file, name] = process.argv
const { [name!]: serve }: Record<string, Server> = await import(`./${file}.js`)
const { app, load } = await serve!()
await app.listen({ host: '127.0.0.1', port: 0 })
const tell = (answer: Partial<Answer>) => process.send!(answer)

process.on('message', async (question: Question) => {
  // No garbage is collected by force: V8 then forgets much of what it knows of the code, which takes half as long again.
  if (question === 'load') tell({ load: await load() })
  else {
    const { user, system } = process.cpuUsage()
    tell({ cpu: user + system })
  }
})
// Some peers have no way to end their connections.
process.on('disconnect', () => process.exit())
tell({ port: (app.server.address() as AddressInfo).port })
