// 30 seconds, for every change; only errors are judged, so that it passes on any machine.

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('short', [{ users: 20, seconds: 25 }], { warmUp: 5 })
