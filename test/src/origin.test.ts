import t from 'tap'
import { bareOrigin } from '../../src/origin.js'

t.test('an origin is told as browsers write it', async (t) => {
  for (const [text, origin] of [
    ['https://app.example.com', 'https://app.example.com'],
    ['HTTPS://App.Example.COM:443', 'https://app.example.com'],
    ['http://localhost:80', 'http://localhost'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['https://localhost:80', 'https://localhost:80'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://bücher.example', 'https://xn--bcher-kva.example']
  ] as const)
    t.equal(bareOrigin(text), origin)
})

t.test('what is no origin of http, or more than one, is none', async (t) => {
  for (const text of [
    '',
    'null',
    'app.example.com',
    '//app.example.com',
    'https://',
    'https:app.example.com',
    'https:///app.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://app.example.com?query',
    'https://app.example.com#fragment',
    'https://user@app.example.com',
    'https://app.example.com\\path',
    'https://a.example https://b.example',
    'https://a.example, https://b.example',
    ' https://app.example.com',
    'https://*.example.com',
    'https://app.example.com:99999',
    'ws://app.example.com',
    'file://',
    'chrome-extension://abcdef'
  ])
    t.equal(bareOrigin(text), undefined, text)
})
