import type { Static, TSchema } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { Identity } from '../tokens/identity.js'

/** The body of POST /login, unless `routes.body` says otherwise. */
export interface Credentials {
  username: string
  password: string
}

/** Who logs in with this body; null for nobody. May be async. What it throws is logged, and answered as a 500 that tells nothing. */
export type Login<Body = Credentials> = (
  body: Body,
  request: FastifyRequest
) => Identity | null | undefined | Promise<Identity | null | undefined>

/** What a schema of the body types it as. */
export type BodyOf<Schema extends TSchema> = [Schema] extends [never] ? Credentials : Static<Schema>
