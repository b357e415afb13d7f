import { once } from 'node:events'
import { request as send } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import handleTest from 'http-cache-tests/server/handle-test.mjs'
import { setConfig, stash } from 'http-cache-tests/server/utils.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import t from 'tap'
import { build } from '../support/app.js'

/** fetch() adds headers of its own to what it is told to send. */
async function fetch(url: string, init: { method?: string; headers?: [string, string][]; body?: string } = {}) {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of init.headers ?? []) (headers[name.toLowerCase()] ??= []).push(String(value))
  const request = send(url, { method: init.method ?? 'GET', headers, agent: false })
  if (init.body !== undefined) request.setHeader('content-length', Buffer.byteLength(init.body))
  request.end(init.body)
  const [response] = await once(request, 'response')
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  const received = new Headers()
  for (let at = 0; at < response.rawHeaders.length; at += 2)
    received.append(response.rawHeaders[at], response.rawHeaders[at + 1])
  // The route names what it varies by as well.
  if (received.has('handler-vary')) received.set('vary', received.get('handler-vary')!)
  return { status: response.statusCode, statusText: '', headers: received, text: async () => text }
}

/** The server of the suite, whose tests say what is answered, behind a reply of Fastify. */
function play(request: FastifyRequest, reply: FastifyReply) {
  const [, , ...path] = request.url.split('?', 1)[0]!.split('/')
  const response = {
    statusCode: 200,
    socket: reply.raw.socket,
    setHeader: (name: string, value: unknown) => reply.raw.hasHeader(name) || reply.removeHeader(name).header(name, value),
    getHeader: (name: string) => reply.getHeader(name),
    getHeaders: () => reply.getHeaders(),
    hasHeader: (name: string) => reply.hasHeader(name),
    writeHead(status: number) { this.statusCode = status },
    write() {},
    end: (body?: string) => {
      const vary = reply.getHeader('vary')
      if (vary !== undefined) reply.header('handler-vary', vary)
      reply.code(response.statusCode).send(body)
    }
  }
  handleTest(path, request, response)
  return reply
}

t.test('suite', async (t) => {
  const { app } = await build(t, { redis: { commandTimeout: '5s' } })
  app.addHttpMethod('M-SEARCH')
  app.put('/config/:id', async (request, reply) => {
    setConfig((request.params as { id: string }).id, request.body)
    reply.code(201)
  })
  app.get('/state/:id', async (request) => stash.get((request.params as { id: string }).id) ?? [])
  const url = '/test/*'
  const vary = ['foo', 'bar', 'baz', 'accept-language', 'accept-encoding']
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, body, done) => body.resume().on('end', done))
    scope.get(url, { config: { cache: { ttl: '1h', vary } } }, play)
    scope.route({ method: ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'M-SEARCH'], url, handler: play })
  })
  const base = await app.listen()
  await runTests(suites, fetch as never, false, base, 200)
  const results = getResults()
  for (const suite of suites) for (const test of suite.tests) {
    const r = results[test.id]
    const val = test.requests.some(q => String(q.expected_type).endsWith('validated') || q.disconnect)
    if (r !== true && r !== undefined && !val) console.log(test.kind ?? 'required', suite.id, test.id, JSON.stringify(r))
  }
})
