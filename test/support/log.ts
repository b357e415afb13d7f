import type { Logger } from '../../src/log.js'

export interface Line {
  level: 'info' | 'warn' | 'error'
  message: string
  event?: string
  [detail: string]: unknown
}

/** A logger that keeps its lines. */
export function memoryLog(): Logger & { lines: Line[] } {
  const lines: Line[] = []
  const write = (level: Line['level']) => (details: object, message: string) => {
    lines.push({ ...details, level, message })
  }
  return { lines, info: write('info'), warn: write('warn'), error: write('error') }
}
