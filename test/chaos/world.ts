import type { App } from './apps.js'
import type { Asking } from './asking.js'
import type { Ledger } from './ledger.js'
import type { Network } from './network.js'
import type { Server } from './server.js'

export interface World {
  readonly server: Server
  readonly network: Network
  readonly apps: readonly App[]
  readonly ledger: Ledger
  readonly asking: Asking
}

export interface Scenario {
  readonly name: string
  /** Has it happen; when it resolves, Redis is as before. */
  readonly run: (world: World) => Promise<void>
  /** After how long nobody is served any more, until it is over; then refusals are to be fast. */
  readonly awayAfter: number
  /** How long users may be without service, in ms, after Redis serves the storm again. */
  readonly within: number
  /** How often an app may take Redis for away; once more than it must, on a busy machine. */
  readonly changes: number
}
