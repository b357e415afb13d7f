import type { SentinelSettings } from '../redis/sentinel.js'
import { checkOptions, checkRequired, isObject, port, type Rules, string, tls } from './rules.js'

/** Where the sentinels are, and how they are asked. */
export interface SentinelOptions {
  /** By which they know the master. */
  name: string
  /** Some or all of them; the others are not looked for. */
  rootNodes: readonly SentinelNode[]
  /** Of an ACL user of the sentinels. Default: none, the user `default`. */
  username?: string | undefined
  /** What the sentinels ask for, which may not be what the master asks for. Default: none. */
  password?: string | undefined
  /** True, or options of node:tls, to talk to the sentinels. Default: false. */
  tls?: boolean | object | undefined
}

export interface SentinelNode {
  host: string
  /** Default: 26379. */
  port?: number | undefined
}

export const sentinelRules: Rules<SentinelOptions> = {
  name: string,
  rootNodes: [
    (value) => Array.isArray(value) && value.length > 0 && value.every(isObject),
    'be a list of { host, port }, not empty'
  ],
  username: string,
  password: string,
  tls
}

export const sentinelNodeRules: Rules<SentinelNode> = { host: string, port }

export function parseSentinel(path: string, options: SentinelOptions): SentinelSettings {
  checkOptions(path, options, sentinelRules)
  checkRequired(path, options, ['name', 'rootNodes'])
  const rootNodes = options.rootNodes.map((node, at) => {
    const where = `${path}.rootNodes[${at}]`
    checkOptions(where, node, sentinelNodeRules)
    checkRequired(where, node, ['host'])
    return { host: node.host, port: node.port ?? 26_379 }
  })
  return { ...options, rootNodes }
}
