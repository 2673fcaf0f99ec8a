// 200 users in one moment among 20, and what the 20 get after they have gone.

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('spike', [
  { users: 20, seconds: 30 },
  { users: 200, seconds: 60, at_once: true },
  { users: 20, seconds: 30, at_once: true },
])
