// 100 users for ten minutes: does memory grow, does latency?

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('soak', [{ users: 100, seconds: 600 }], { warmUp: 60 })
