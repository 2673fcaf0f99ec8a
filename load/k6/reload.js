// 50 users while newer data are loaded: how much does their latency grow?

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('reload', [{ users: 50, seconds: 120 }])
