// The order matters: Edge, Opera and Samsung Internet call themselves Chrome too, and Chrome calls itself Safari.
const BROWSERS = [
  ['Edge', /\bEdg(?:e|A|iOS)?\//],
  ['Opera', /\bOPR\/|\bOpera\b/],
  ['Samsung', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|CriOS|HeadlessChrome)\//],
  ['Safari', /\bVersion\/[\d.]+.*\bSafari\//]
] as const

const SYSTEMS = [
  ['iPadOS', /\biPad\b/],
  ['iOS', /\biPhone\b|\biPod\b/],
  ['Android', /\bAndroid\b/],
  ['Windows', /\bWindows\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['macOS', /\bMac OS X\b|\bMacintosh\b/],
  ['Linux', /\bLinux\b/]
] as const

const MAX_LENGTH = 18

/** A short name for the device behind a user agent, to be recognised in a list: "Chrome on macOS", "Safari on iOS", "curl". Null when it says nothing. */
export function deviceName(userAgent: string | undefined): string | null {
  const agent = (userAgent ?? '').slice(0, 512)
  const [browser] = BROWSERS.find(([, pattern]) => pattern.test(agent)) ?? []
  const [system] = SYSTEMS.find(([, pattern]) => pattern.test(agent)) ?? []
  if (browser !== undefined && system !== undefined) return `${browser} on ${system}`
  const [product] = /^(?!Mozilla\b)[\w.+-]+/.exec(agent) ?? []
  return browser ?? product?.slice(0, MAX_LENGTH) ?? system ?? null
}
