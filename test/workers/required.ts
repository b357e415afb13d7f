// Fails to reach the Redis that it requires, tells how, and has then nothing left to do.
import { silent } from '../../src/log.js'
import { RedisConnection } from '../../src/redis/connection.js'
import { makeClient } from '../../src/redis/make-client.js'

const url = process.argv[2]!
const factory = () => makeClient({ url, connectTimeout: 300 })
const limits = { connectTimeout: 300, closeTimeout: 300, required: true, ownsClient: false }
const connection = new RedisConnection({ ...limits, factory }, silent)
const error = await connection.start().catch(({ code, reason }) => ({ code, reason }))
process.send!(error ?? 'started', () => process.disconnect())
