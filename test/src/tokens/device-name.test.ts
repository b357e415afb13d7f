import t from 'tap'
import { deviceName } from '../../../src/tokens/device-name.js'

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
const BLINK = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)'
const IPAD = 'Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X)'
const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)'
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)'
const LINUX = 'Mozilla/5.0 (X11; Linux x86_64)'
const ANDROID = 'Mozilla/5.0 (Linux; Android 14; Pixel 8)'

t.test('a user agent has a short name', async (t) => {
  const cases: [string, string][] = [
    [`${MAC} ${BLINK} Chrome/126.0.0.0 Safari/537.36`, 'Chrome on macOS'],
    [`${WINDOWS} ${BLINK} Chrome/126.0.0.0 Safari/537.36`, 'Chrome on Windows'],
    [`${LINUX} ${BLINK} HeadlessChrome/126.0.0.0 Safari/537.36`, 'Chrome on Linux'],
    [
      `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${BLINK} Chrome/126.0.0.0 Safari/537.36`,
      'Chrome on ChromeOS'
    ],
    [`${ANDROID} ${BLINK} Chrome/126.0.0.0 Mobile Safari/537.36`, 'Chrome on Android'],
    [`${IPHONE} ${WEBKIT} CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1`, 'Chrome on iOS'],
    [`${WINDOWS} ${BLINK} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.56`, 'Edge on Windows'],
    [`${WINDOWS} ${BLINK} Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763`, 'Edge on Windows'],
    [`${ANDROID} ${BLINK} Chrome/125.0.0.0 Mobile Safari/537.36 EdgA/125.0.2535.51`, 'Edge on Android'],
    [`${IPHONE} ${WEBKIT} Version/17.0 EdgiOS/125.0.2535.60 Mobile/15E148 Safari/605.1.15`, 'Edge on iOS'],
    [`${MAC} ${BLINK} Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0`, 'Opera on macOS'],
    ['Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18', 'Opera on Windows'],
    [
      `Mozilla/5.0 (Linux; Android 14; SM-S918B) ${BLINK} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`,
      'Samsung on Android'
    ],
    ['Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0', 'Firefox on Linux'],
    ['Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0', 'Firefox on Android'],
    [`${IPAD} ${WEBKIT} FxiOS/127.0 Mobile/15E148 Safari/605.1.15`, 'Firefox on iPadOS'],
    [`${MAC} ${WEBKIT} Version/17.5 Safari/605.1.15`, 'Safari on macOS'],
    [`${IPHONE} ${WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1`, 'Safari on iOS'],
    [`${IPAD} ${WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1`, 'Safari on iPadOS'],
    ['Mozilla/5.0 (compatible) Firefox/127.0', 'Firefox'],
    ['curl/8.7.1', 'curl'],
    ['okhttp/4.12.0', 'okhttp'],
    ['PostmanRuntime/7.39.0', 'PostmanRuntime'],
    ['python-requests/2.32.3', 'python-requests'],
    ['a-product-with-a-very-long-name/1.0', 'a-product-with-a-v'],
    ['(Android)', 'Android']
  ]
  for (const [agent, name] of cases) t.equal(deviceName(agent), name, agent)
})

t.test('a user agent that says nothing has no name', async (t) => {
  t.equal(deviceName(undefined), null)
  t.equal(deviceName(''), null)
  t.equal(deviceName('   '), null)
  t.equal(deviceName('<script>'), null)
})

t.test('a long user agent takes no time, and nothing past its first 512 characters counts', async (t) => {
  t.equal(deviceName(`${' '.repeat(512)}Firefox/127.0 (Windows)`), null)
  const started = performance.now()
  for (const piece of ['Version/1', 'Version/1.1.1.1.1', 'Chrome', 'Mac OS X ', '1.'])
    deviceName(`Version/${piece.repeat(100_000)}`)
  t.ok(performance.now() - started < 1000)
})

t.test('a name is one line without control characters', async (t) => {
  t.equal(deviceName('curl\n8.7.1'), 'curl')
  t.equal(deviceName('\u001b[31mcurl/8'), null)
})
