import { exceeds } from '../bytes.js'
import { LogEvent, type Logger } from '../log.js'
import type { Activity } from './activity.js'
import type { Codec, Encoded } from './codec.js'
import { findLosses } from './losses.js'

export interface EncoderSettings {
  readonly log: Logger
  readonly maxValueBytes: number
  readonly codec: Codec
  /** Whether values that JSON changes are warned of. */
  readonly warnOfLosses?: boolean | undefined
}

/** Warnings of values name keys, of which there are many: they leave room for others. */
const MAX_WARNINGS = 50

/** Values as they are stored, and warnings of those that are not, or not as they were. */
export class Encoder {
  readonly #settings: EncoderSettings
  readonly #activity: Activity

  constructor(settings: EncoderSettings, activity: Activity) {
    this.#settings = settings
    this.#activity = activity
  }

  /** Undefined for a value that is not to be stored. */
  encode(key: string, value: unknown): Encoded | undefined {
    const { maxValueBytes, log } = this.#settings
    const encoded = this.#write(key, value)
    if (encoded === undefined) return undefined
    const { payload } = encoded
    if (!exceeds(payload, maxValueBytes)) return encoded
    this.#activity.add('oversized')
    this.#activity.once('oversized', () =>
      log.warn(
        { event: LogEvent.cacheOversized, key, maxValueBytes },
        'A value is larger than cache.maxValueBytes and is not stored'
      )
    )
    return undefined
  }

  #write(key: string, value: unknown): Encoded | undefined {
    const { codec, log, warnOfLosses } = this.#settings
    const warn = (event: string, what: string, details: object, message: string) =>
      this.#activity.once(`${what} ${key}`, () => log.warn({ event, key, ...details }, message), MAX_WARNINGS)
    try {
      const encoded = codec.encode(value)
      if (warnOfLosses && codec.writesJson && encoded !== undefined)
        for (const [what, sentence] of findLosses(value))
          warn(LogEvent.cacheLossy, what, {}, `A value in the cache is not read back as it was: ${sentence}`)
      return encoded
    } catch (error) {
      warn(
        LogEvent.cacheUnwritable,
        'unwritable',
        { err: error },
        'A value can not be written and is not stored'
      )
      return undefined
    }
  }
}
