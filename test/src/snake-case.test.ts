import t from 'tap'
import { snakeCase } from '../../src/snake-case.js'

t.test('words are told apart by a line', async (t) => {
  t.equal(snakeCase('hits'), 'hits')
  t.equal(snakeCase('loadErrors'), 'load_errors')
})
