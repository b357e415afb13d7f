// The limits of guarded routes: hooks by hand.
import { createVerifier } from 'fast-jwt'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createClient } from 'redis'
import { bearer, get, newUsers, type Server, secret, url } from './server.js'
import { type Claims, ES256, HS256, random, signer, tokens } from './signing.js'

const unauthorized = () => Object.assign(new Error('Unauthorized'), { statusCode: 401 })
const tokenOf = ({ headers }: FastifyRequest) => {
  const { authorization = '' } = headers
  if (!authorization.startsWith('Bearer ')) throw unauthorized()
  return authorization.slice(7)
}
const whoAmI = async ({ user }: FastifyRequest) => ({ id: (user as Claims).sub })

const verified =
  (by: typeof HS256 | typeof ES256, cache: boolean): Server =>
  async () => {
    const verify = createVerifier({ key: by.verify, algorithms: [by.algorithm], cache })
    const app = Fastify()
    app.decorateRequest('user', null as never)
    const onRequest = (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => {
      try {
        request.user = verify(tokenOf(request))
      } catch {
        return done(unauthorized())
      }
      done()
    }
    app.get('/me', { onRequest }, whoAmI)
    return { app, load: async () => ({ requests: tokens(by).map((token) => get('/me', bearer(token))) }) }
  }

export const hook = verified(HS256, false)
export const hookCached = verified(HS256, true)
export const hookES256 = verified(ES256, true)

/** A token, and whether its session is in Redis. */
export const hookAndRead: Server = async () => {
  const client = await createClient({ url }).connect()
  const verify = createVerifier({ key: secret, algorithms: ['HS256'], cache: true })
  const app = Fastify()
  app.decorateRequest('user', null as never)
  const onRequest = async (request: FastifyRequest) => {
    let claims: Claims
    try {
      claims = verify(tokenOf(request))
    } catch {
      throw unauthorized()
    }
    if (!(await client.hExists(`by-hand:${claims.sub}`, claims.sid))) throw unauthorized()
    request.user = claims
  }
  app.get('/me', { onRequest }, whoAmI)
  const sign = signer(HS256)
  const load = async () => {
    const requests = newUsers().map(async (user) => {
      const id = random()
      await client.hSet(`by-hand:${user}`, id, 'a record of a session')
      return get('/me', bearer(sign(user, id)))
    })
    return { requests: await Promise.all(requests) }
  }
  return { app, load }
}
