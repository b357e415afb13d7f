import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyRequest } from 'fastify'
import { bearer, get, type Server } from './server.js'
import { ES256, HS256, tokens } from './signing.js'

/** A route behind request.jwtVerify(), as the documentation of @fastify/jwt has it. */
const guarded =
  (by: typeof HS256 | typeof ES256, cache: boolean): Server =>
  async () => {
    const app = Fastify()
    const keys = { private: by.sign, public: by.verify }
    await app.register(fastifyJwt, {
      secret: by.algorithm === 'HS256' ? by.verify : keys,
      verify: { algorithms: [by.algorithm], cache }
    })
    app.get(
      '/me',
      { onRequest: [async (request: FastifyRequest) => void (await request.jwtVerify())] },
      async ({ user }: FastifyRequest) => ({ id: (user as { sub: string }).sub })
    )
    return { app, load: async () => ({ requests: tokens(by).map((token) => get('/me', bearer(token))) }) }
  }

export const jwtVerify = guarded(HS256, false)
export const jwtVerifyES256 = guarded(ES256, false)
export const jwtVerifyES256Cached = guarded(ES256, true)
