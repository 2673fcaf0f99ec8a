// How load is put on: a warm-up that is not counted, then steps of so many users. All that differs
// between scenarios is in the files beside this folder; all thresholds are in thresholds.json.

import exec from 'k6/execution'
import { sleep } from 'k6'
import { CALLS, drawn, send, simple } from './calls.js'
import { below, offered, pick } from './offer.js'

const THRESHOLDS = JSON.parse(open(import.meta.resolve('../../thresholds.json')))
const WARM_UP = { users: 8, seconds: 10 } // or WARM_UP seconds of the environment, everywhere
const THINK = Number(__ENV.THINK || 1) // seconds between an answer and the next request, on average
const GRACE = '5s'

// Users who each wait for an answer, look at it, and ask again: a closed model.
//
// A step is {users, seconds}, and `at_once` where its users come in one moment and not over the
// first tenth of the step. SECONDS in the environment shortens or lengthens all of them.
export function closed(name, steps, { exec = 'visit', warmUp = WARM_UP.seconds } = {}) {
  const warm = warmUpOf(warmUp)
  const scale = __ENV.SECONDS ? Number(__ENV.SECONDS) / total(steps) : 1
  const measured = steps.map((step, place) => {
    const seconds = step.seconds * scale
    const coming = step.at_once ? 0 : seconds / 10
    return {
      executor: 'ramping-vus',
      startVUs: step.at_once ? step.users : (steps[place - 1] || { users: 0 }).users,
      stages: [
        { duration: time(coming), target: step.users },
        { duration: time(seconds - coming), target: step.users },
      ],
      gracefulRampDown: GRACE,
      startTime: time(warm + total(steps.slice(0, place)) * scale),
      exec,
      tags: { part: 'measured', users: String(step.users) },
    }
  })
  return options(name, { exec: 'warmUp', seconds: warm }, measured)
}

// Requests at a constant rate, whether answers come or not: an open model.
export function open_(name, { rate, seconds, users, warmUp = WARM_UP.seconds }) {
  const warm = warmUpOf(warmUp)
  return options(name, { exec: 'walk', seconds: warm }, [
    {
      executor: 'constant-arrival-rate',
      ...{ rate: Number(__ENV.RATE || rate), timeUnit: '1s', duration: time(__ENV.SECONDS || seconds) },
      ...{ preAllocatedVUs: users, maxVUs: users },
      startTime: time(warm),
      exec: 'one',
      tags: { part: 'measured', users: String(users) },
    },
  ])
}

function options(name, { exec, seconds }, measured) {
  const steps = Object.fromEntries(
    measured.map((step, place) => [`step_${place + 1}`, { ...step, gracefulStop: GRACE }]),
  )
  const warm = { executor: 'constant-vus', vus: WARM_UP.users, duration: time(seconds) }
  return {
    scenarios: { warm_up: { ...warm, exec, gracefulStop: GRACE, tags: { part: 'warm-up' } }, ...steps },
    thresholds: thresholds(name, Object.keys(steps)),
    setupTimeout: '120s',
    systemTags: ['check', 'group', 'scenario', 'status', 'error_code'], // no URL: there are too many
    summaryTrendStats: ['count', 'avg', 'med', 'p(95)', 'p(99)', 'max'],
  }
}

// Rules of thresholds.json; and an empty list for all else that the report shows, because k6 keeps
// figures of a part only where there is a list for it.
function thresholds(name, steps) {
  const parts = [
    'part:measured',
    ...Object.keys(CALLS).map((call) => `part:measured,call:${call}`),
    ...steps.map((step) => `scenario:${step}`),
  ]
  const metrics = ['http_req_duration', 'errors', 'content_length']
  const all = {}
  for (const part of parts) for (const metric of metrics) all[`${metric}{${part}}`] = []
  for (const set of THRESHOLDS.scenarios[name]) {
    for (const [metric, rules] of Object.entries(THRESHOLDS.sets[set])) {
      all[metric] = [...(all[metric] || []), ...rules]
    }
  }
  return all
}

export const setup = offered

// A dashboard: one of its calls, then a look at it.
export function visit(offer) {
  if (exec.vu.iterationInScenario === 0) sleep(Math.random() * THINK) // not all at one moment
  const call = drawn()
  send(call, CALLS[call].ask(offer))
  sleep(THINK * (0.5 + Math.random()))
}

// Every call in turn, so that none is left out however short the run is.
export function tour(offer) {
  for (const [call, { ask }] of Object.entries(CALLS)) {
    send(call, ask(offer))
    sleep(THINK * (0.5 + Math.random()) / 10)
  }
}

// Every call at every worker, whose first explanation takes a second.
export function warmUp(offer) {
  for (const [call, { ask }] of Object.entries(CALLS)) send(call, ask(offer), { leave: true })
}

// A series, always over the same horizon, so that the same answers are asked for again.
export function one(offer) {
  send('simple', simple(pick(offer.series), horizon(offer), offer.first))
}

// The same of every series in turn, at this worker and at that, until all have answered all of them.
export function walk(offer) {
  const many = offer.series.length
  const place = exec.vu.iterationInScenario + Math.floor((exec.vu.idInInstance * many) / WARM_UP.users)
  const asked = simple(offer.series[place % many], horizon(offer), offer.first)
  send('simple', asked, { leave: below(20) === 0 })
}

function horizon(offer) {
  return offer.horizons[1] || offer.horizons[0]
}

export function handleSummary(data) {
  return { [`${__ENV.OUT}/k6.json`]: JSON.stringify(data, null, 1) }
}

function warmUpOf(seconds) {
  return Number(__ENV.WARM_UP || seconds)
}

function total(steps) {
  return steps.reduce((sum, step) => sum + step.seconds, 0)
}

function time(seconds) {
  return `${Math.round(Number(seconds) * 1000)}ms`
}
