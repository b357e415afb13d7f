import fc from 'fast-check'
import t from 'tap'
import { codeOf, generationOf, openSessions } from '../../support/sessions.js'

const GRACE = 30_000
const HOUR = 3_600_000
const [INVALID, REUSED] = ['FST_REDIS_AUTH_INVALID_REFRESH_TOKEN', 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED']

interface Model {
  userId: string
  sessionId: string
  /** By generation. */
  tokens: string[]
  live: boolean
  sinceRotation: number
  age: number
}

type Step =
  | { do: 'issue'; user: number }
  | { do: 'rotate'; session: number; back: number }
  | { do: 'revoke'; session: number; back: number }
  | { do: 'revokeUser'; user: number }
  | { do: 'revokeOthers'; session: number }
  | { do: 'wait'; ms: number }

const user = fc.nat(1)
const session = fc.nat(9)
const back = fc.nat(3)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('issue' as const), user }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('rotate' as const), session, back }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), session, back }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revokeUser' as const), user }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revokeOthers' as const), session }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(GRACE / 2, GRACE, HOUR / 2, HOUR)
    })
  }
)

t.test('whatever happens in whatever order, each token does what the model says', async (t) => {
  const ttls = { refreshTtl: HOUR, sessionTtl: 3 * HOUR, grace: GRACE }
  const { tokens, edit } = await openSessions(t, ttls)
  // Not its beginning: a session that is older than it is would be covered by what was revoked before it began.
  const age = (userId: string, sessionId: string, ms: number) =>
    edit(userId, sessionId, ({ rotated, ends }) => ({ rotated: rotated - ms, ends: ends - ms }))
  const ended = ({ age, sinceRotation, live }: Model) => !live || age >= 3 * HOUR || sinceRotation >= HOUR

  const expected = (model: Model, generation: number): string => {
    const current = model.tokens.length - 1
    if (ended(model)) return INVALID
    if (generation === current) return 'rotated'
    if (model.sinceRotation >= GRACE) return REUSED
    return generation === current - 1 ? 'replayed' : INVALID
  }

  let runs = 0

  async function run(steps: Step[]) {
    // Users of this run alone: what it makes older than it is must not seem to have been revoked by another run.
    const users = [`ada-${++runs}`, `bob-${runs}`]
    const models: Model[] = []
    for (const step of steps) {
      if (step.do === 'issue') {
        const userId = users[step.user]!
        const { refreshToken, sessionId } = await tokens.issue({ id: userId })
        models.push({ userId, sessionId, tokens: [refreshToken], live: true, sinceRotation: 0, age: 0 })
      } else if (step.do === 'wait') {
        for (const model of models) {
          if (!ended(model)) await age(model.userId, model.sessionId, step.ms)
          model.age += step.ms
          model.sinceRotation += step.ms
        }
      } else if (step.do === 'revokeUser') {
        const mine = models.filter(({ userId }) => userId === users[step.user])
        const count = await tokens.revokeUser(users[step.user]!)
        if (count !== mine.filter((model) => !ended(model)).length) throw new Error(`revoked ${count}`)
        for (const model of mine) model.live = false
      } else {
        const model = models[step.session % Math.max(models.length, 1)]
        if (model === undefined) continue
        if (step.do === 'revokeOthers') {
          const others = models.filter((other) => other.userId === model.userId && other !== model)
          const count = await tokens.revokeOthers(model.userId, model.sessionId)
          if (count !== others.filter((other) => !ended(other)).length) throw new Error(`revoked ${count}`)
          for (const other of others) other.live = false
          continue
        }
        const generation = Math.max(model.tokens.length - 1 - step.back, 0)
        const token = model.tokens[generation]!
        if (step.do === 'revoke') {
          if ((await tokens.revoke(token)) === ended(model)) throw new Error('revoke says otherwise')
          model.live = false
          continue
        }
        const outcome = expected(model, generation)
        if (outcome === 'rotated') {
          const { refreshToken } = await tokens.rotate(token)
          if (generationOf(refreshToken) !== generation + 1) throw new Error('another generation')
          model.tokens.push(refreshToken)
          model.sinceRotation = 0
        } else if (outcome === 'replayed') {
          const { refreshToken } = await tokens.rotate(token)
          if (refreshToken !== model.tokens.at(-1)) throw new Error('another successor')
        } else {
          const code = await codeOf(tokens.rotate(token))
          if (code !== outcome) throw new Error(`${code} instead of ${outcome}`)
          if (outcome === REUSED) model.live = false
        }
      }
    }
    for (const userId of users) {
      const listed = (await tokens.sessions(userId)).map(({ id }) => id).sort()
      const live = models.filter((model) => model.userId === userId && !ended(model))
      const expectedIds = live.map(({ sessionId }) => sessionId).sort()
      if (listed.join() !== expectedIds.join()) throw new Error('other sessions are live')
    }
  }

  const steps = fc.array(step, { minLength: 5, maxLength: 40 })
  const property = fc.asyncProperty(steps, run)
  await t.resolves(fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 20_000 }))
})
