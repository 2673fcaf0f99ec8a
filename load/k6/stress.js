// Up to 400 users in steps: at which step do responses become slow?

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('stress', [
  { users: 100, seconds: 45 },
  { users: 200, seconds: 45 },
  { users: 300, seconds: 45 },
  { users: 400, seconds: 45 },
])
