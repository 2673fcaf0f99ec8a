// Does everything answer? Two users who make every call in turn.

import { closed } from './lib/scenario.js'
export { handleSummary, setup, tour, warmUp } from './lib/scenario.js'

export const options = closed('smoke', [{ users: 2, seconds: 10 }], { exec: 'tour', warmUp: 3 })
