import { execFileSync } from 'node:child_process'
import { type Browser, chromium } from 'playwright-core'
import type { Test } from 'tap'

const binary = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  try {
    execFileSync('which', [name], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

/** A real browser; undefined, after skipping the test, where none is installed. CI never skips. */
export async function browser(t: Test): Promise<Browser | undefined> {
  if (binary === undefined) {
    if (process.env.CI) throw new Error('chromium is not installed, and CI skips no test')
    t.pass('not run', { skip: 'needs chromium on the PATH' })
    return undefined
  }
  const launched = await chromium.launch({
    executablePath: execFileSync('which', [binary]).toString().trim(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
  })
  t.teardown(() => launched.close())
  return launched
}
