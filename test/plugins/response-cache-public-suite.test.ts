// The tests of cache-tests.fyi, which browsers, proxies and CDNs are measured by, against a cached route over HTTP.
import { once } from 'node:events'
import { request as send } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import handleTest from 'http-cache-tests/server/handle-test.mjs'
import { setConfig, stash } from 'http-cache-tests/server/utils.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import t from 'tap'
import { build } from '../support/app.js'

/** Required tests that a cache inside its origin does not pass, and why. */
const EXCEPTIONS: Record<string, string> = {
  'age-parse-prefix':
    'of two ages it wants the first; we take what is no single age for stale, as its own name asks',
  'headers-store-Content-Length': 'the handler names a wrong length, which Fastify corrects',
  'headers-store-Content-Range': 'a 200 with Content-Range is not stored: it is part of something',
  'headers-store-Set-Cookie': 'an answer with Set-Cookie is never stored',
  'headers-store-Transfer-Encoding': 'the handler names a coding that the body does not have',
  'partial-use-headers': 'parts of an answer are not stored'
}

/** What takes a cache between two servers: it revalidates at its origin, or loses the connection to it. Here the handler is the origin. */
const isForProxies = ({ requests }: (typeof suites)[number]['tests'][number]) =>
  requests.some(({ expected_type, disconnect }) => disconnect || /validated$/.test(String(expected_type)))

/** fetch() would add headers to those of the test. */
async function fetch(
  url: string,
  {
    method = 'GET',
    headers = [],
    body
  }: { method?: string; headers?: [string, string][]; body?: string } = {}
) {
  const sent: Record<string, string[]> = {}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    sent[key] = [...(sent[key] ?? []), String(value)]
  }
  if (body !== undefined) sent['content-length'] = [String(Buffer.byteLength(body))]
  const request = send(url, { method, headers: sent, agent: false }).end(body)
  const [response] = await once(request, 'response')
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  const received = new Headers()
  for (let at = 0; at < response.rawHeaders.length; at += 2)
    received.append(response.rawHeaders[at], response.rawHeaders[at + 1])
  // The route names all that it varies by, and the test wants what its server has named.
  const named = received.get('test-vary')
  if (named !== null) received.set('vary', named)
  return { status: response.statusCode, headers: received, text: async () => text }
}

/** The server of the suite, which answers what a test has told it to, on a reply of Fastify. */
function play(request: FastifyRequest, reply: FastifyReply) {
  const response = {
    statusCode: 200,
    socket: request.socket,
    setHeader: (name: string, value: unknown) => reply.removeHeader(name).header(name, value),
    getHeader: (name: string) => reply.getHeader(name),
    getHeaders: () => reply.getHeaders(),
    hasHeader: (name: string) => reply.hasHeader(name),
    end(body?: string) {
      if (reply.hasHeader('vary')) reply.header('test-vary', reply.getHeader('vary'))
      reply.code(this.statusCode).send(body)
    }
  }
  const [, , ...path] = request.url.split(/[/?]/)
  handleTest(path, request, response)
  return reply
}

t.test('what is required of HTTP caches holds', async (t) => {
  const { app } = await build(t)
  app.addHttpMethod('M-SEARCH')
  const id = (request: FastifyRequest) => (request.params as { id: string }).id
  app.put('/config/:id', async (request, reply) => {
    setConfig(id(request), request.body)
    reply.code(201)
  })
  app.get('/state/:id', async (request) => stash.get(id(request)) ?? [])
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, body, done) => body.resume().on('end', done))
    const vary = ['foo', 'bar', 'baz', 'accept-language', 'accept-encoding']
    scope.get('/test/*', { config: { cache: { ttl: '1h', vary } } }, play)
    const method = ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'M-SEARCH']
    scope.route({ method, url: '/test/*', handler: play })
  })
  await runTests(suites, fetch as never, false, await app.listen(), 200)
  const results = getResults()
  const required = suites
    .flatMap(({ tests }) => tests)
    .filter((test) => (test.kind ?? 'required') === 'required' && !test.browser_only && !isForProxies(test))
  t.ok(required.length > 100)
  for (const { id, name } of required) {
    const exception = EXCEPTIONS[id]
    if (exception === undefined) t.equal(results[id], true, name)
    else t.not(results[id], true, `${id}: ${exception}`)
  }
})
