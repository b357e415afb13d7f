import Fastify from 'fastify'
import { started } from './started.js'

await Fastify().ready()
started()
