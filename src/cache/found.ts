import type { Entry, Failure, Text } from './entry.js'
import type { Versions } from './tags.js'

let moments = 0

/** A moment in the life of this process: no two are the same, and a later one is more. A clock tells no more here, and takes a quarter of a microsecond. */
export const moment = (): number => ++moments

/** What a read has found under a key. */
export interface Found {
  /** Undefined: nothing that could be served, be it stale. */
  readonly value: unknown
  /** The entry that the value is of. */
  readonly entry: Entry | undefined
  /** For how many ms it has not been fresh; negative while it is. */
  readonly overdue: number
  /** How long its load took, in ms. */
  readonly took: number
  /** The start of what is there, by which a load names what it replaces; empty where there is nothing to be replaced. */
  readonly replaceable: Text
  /** Not ours to read or to replace. */
  readonly foreign: boolean
  /** The mark of whoever is loading. */
  readonly lease: string | undefined
  readonly failure: Failure | undefined
  /** The versions of tags that were read along with it. */
  readonly versions: Versions
  /** The {@link moment} at which Redis was asked. */
  readonly askedAt: number
  /** Redis has not answered: nothing is known, and what is loaded need not be offered to it. */
  readonly away: boolean
}

export const NO_VERSIONS: Versions = new Map()

/** What is known when Redis was not asked. */
export const NOTHING: Found = {
  value: undefined,
  entry: undefined,
  overdue: Number.POSITIVE_INFINITY,
  took: 0,
  replaceable: '',
  foreign: false,
  lease: undefined,
  failure: undefined,
  versions: NO_VERSIONS,
  askedAt: Number.NEGATIVE_INFINITY,
  away: false
}

export const AWAY: Found = { ...NOTHING, away: true }

export const isFresh = ({ value, overdue }: Found): boolean => value !== undefined && overdue <= 0

/** A plain value, which is fresh as long as it is there. Written out: copying {@link NOTHING} costs as much as all the rest of a hit. */
export const freshFound = (
  value: unknown,
  entry: Entry | undefined,
  versions: Versions,
  askedAt: number
): Found => ({
  value,
  entry,
  overdue: Number.NEGATIVE_INFINITY,
  took: 0,
  replaceable: '',
  foreign: false,
  lease: undefined,
  failure: undefined,
  versions,
  askedAt,
  away: false
})
