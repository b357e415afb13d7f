import type { Commands } from './commands.js'
import { refused, Unavailable } from './failure.js'
import type { Script } from './script.js'

/**
 * Runs a script that does nothing after the time at which we stop waiting for it, and then replies LATE: what a frozen
 * server does when it thaws was answered long ago. Its reply begins with an outcome and the time of Redis in ms.
 */
export async function runTimely<Outcome extends string, Rest extends unknown[]>(
  commands: Commands,
  script: Script,
  key: string,
  args: (deadline: number) => readonly (string | number)[]
): Promise<readonly [outcome: Outcome, now: number, ...Rest]> {
  const { clock, timeout } = commands
  const attempt = async () => {
    const list = args(Math.ceil(clock.now() + timeout)).map(String)
    type Reply = [outcome: string | Buffer, now: string | Buffer, ...Rest]
    const [outcome, time, ...rest] = await commands.script<Reply>(script, key, list).catch(refused)
    const now = Number(time)
    clock.observe(now)
    return [String(outcome) as Outcome | 'LATE', now, ...rest] as const
  }
  let [outcome, ...rest] = await attempt()
  // The clock of Redis was set, or another server took over: nothing was done, and the reply has put our clock right.
  if (outcome === 'LATE') [outcome, ...rest] = await attempt()
  if (outcome === 'LATE') throw new Unavailable('timeout')
  return [outcome, ...rest]
}
