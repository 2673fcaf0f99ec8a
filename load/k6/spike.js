// 20 users, suddenly 200, then 20 again: does the server recover?

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('spike', [
  { users: 20, seconds: 30 },
  { users: 200, seconds: 60, immediate: true },
  { users: 20, seconds: 30, immediate: true },
])
