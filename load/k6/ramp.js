// 25, 50, then 100 users. The thresholds at 100 users are required of every release.

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('ramp', [
  { users: 25, seconds: 60 },
  { users: 50, seconds: 60 },
  { users: 100, seconds: 120 },
])
