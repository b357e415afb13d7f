import type { Commands } from './commands.js'
import { refused, Unavailable } from './failure.js'
import type { Script } from './script.js'

type Text = string | Buffer

/**
 * Runs a script that does nothing after the time at which we stop waiting for it, and then replies LATE: what a frozen
 * server does when it thaws was answered long ago. Its reply begins with an outcome and the time of Redis.
 */
export async function runTimely<Reply extends [outcome: Text, now: Text, ...unknown[]]>(
  commands: Commands,
  script: Script,
  key: string,
  args: (deadline: number) => readonly (string | number)[]
): Promise<Reply> {
  const { clock, timeout } = commands
  const attempt = async () => {
    const list = args(Math.ceil(clock.now() + timeout)).map(String)
    const reply = await commands.script<Reply>(script, key, list).catch(refused)
    clock.observe(Number(reply[1]))
    return reply
  }
  let reply = await attempt()
  // The clock of Redis was set, or another server took over: nothing was done, and the reply has put our clock right.
  if (isLate(reply)) reply = await attempt()
  if (isLate(reply)) throw new Unavailable('timeout')
  return reply
}

const isLate = ([outcome]: readonly unknown[]) => String(outcome) === 'LATE'
