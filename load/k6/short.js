// What every change is tried with: 30 seconds, judged by errors alone, whatever the machine.

import { closed } from './lib/scenario.js'
export { handleSummary, setup, visit, warmUp } from './lib/scenario.js'

export const options = closed('short', [{ users: 20, seconds: 25 }], { warmUp: 5 })
