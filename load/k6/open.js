// 1,000 requests a second, all cache hits, over 100 connections at most.

import { open_ } from './lib/scenario.js'
export { handleSummary, one, setup, walk } from './lib/scenario.js'

export const options = open_('open', { rate: 1000, users: 100, seconds: 60, warmUp: 15 })
