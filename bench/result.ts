// What a run leaves in results/<path>.json. Tables, charts and docs/scale.md are drawn from these files alone.

export type Role = 'ours' | 'limit' | 'peer'

/** Of all rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

interface Run {
  /** Also the name of the file. */
  readonly path: string
  readonly title: string
  readonly date: string
  readonly node: string
  readonly redis: string
  readonly machine: string
  /** The load average of the last minute when the run began. */
  readonly load: number
  /** Of what was measured, by name of package. */
  readonly versions: Readonly<Record<string, string>>
  readonly goals: readonly Goal[]
}

export interface Goal {
  /** What ours is held against. */
  readonly against: string
  readonly wanted: number
  readonly got: number
  /** The unit of both; none for ratios, of which more is better. */
  readonly unit?: string
  readonly met: boolean
}

/** The same work, done by several in turn. */
export interface Comparison extends Run {
  readonly rounds: number
  /** How many operations are on their way at any time. */
  readonly atOnce: number
  readonly candidates: readonly {
    readonly name: string
    readonly role: Role
    /** µs an operation, of the process that does the work. */
    readonly cpu: Spread
    /** Operations a second. */
    readonly rate: Spread
    /** What the limit takes, by what this takes, round by round: 1 is as good as the limit, 0.5 takes twice as much. */
    readonly toLimit: { readonly cpu: Spread; readonly rate: Spread }
  }[]
}

/** What is counted or weighed, and has no limit. */
export interface Tally extends Run {
  /** What the figures of each row are, with their units. */
  readonly columns: readonly string[]
  readonly rows: readonly {
    readonly name: string
    readonly role: Role
    readonly figures: readonly (number | string)[]
  }[]
}

export type Result = Comparison | Tally
