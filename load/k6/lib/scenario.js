// The common part of all scenarios: a warm-up that is not counted, then steps with a constant
// number of users. What differs between scenarios is in the files of the parent folder; all
// thresholds are in thresholds.json.

import exec from 'k6/execution'
import { sleep } from 'k6'
import { CALLS, drawCall, send, simple } from './calls.js'
import { below, pick, readOffer } from './offer.js'

const THRESHOLDS = JSON.parse(open(import.meta.resolve('../../thresholds.json')))
const WARM_UP = { users: 8, seconds: 10 } // the variable WARM_UP replaces the seconds
const THINK = Number(__ENV.THINK || 1) // seconds between an answer and the next request, on average
const GRACE = '5s'

// A closed model: each user waits for the response, pauses, and sends the next request.
//
// A step is {users, seconds}; with `immediate` its users all start at its beginning, otherwise over
// its first tenth. The variable SECONDS scales all steps to that total.
export function closed(name, steps, { exec = 'visit', warmUp = WARM_UP.seconds } = {}) {
  const warm = warmUpOf(warmUp)
  const scale = __ENV.SECONDS ? Number(__ENV.SECONDS) / total(steps) : 1
  const measured = steps.map((step, place) => {
    const seconds = step.seconds * scale
    const rampUp = step.immediate ? 0 : seconds / 10
    return {
      executor: 'ramping-vus',
      startVUs: step.immediate ? step.users : (steps[place - 1] || { users: 0 }).users,
      stages: [
        { duration: time(rampUp), target: step.users },
        { duration: time(seconds - rampUp), target: step.users },
      ],
      gracefulRampDown: GRACE,
      startTime: time(warm + total(steps.slice(0, place)) * scale),
      exec,
      tags: { part: 'measured', users: String(step.users) },
    }
  })
  return options(name, { exec: 'warmUp', seconds: warm }, measured)
}

// An open model: requests at a constant rate, independent of responses.
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
    systemTags: ['check', 'group', 'scenario', 'status', 'error_code'], // without URLs: they are too many
    summaryTrendStats: ['count', 'avg', 'med', 'p(95)', 'p(99)', 'max'],
  }
}

// The rules of thresholds.json, and an empty list for every other figure of the report: k6 computes
// a metric of a subset of requests only if the subset has a list of thresholds.
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

export const setup = readOffer

// One iteration of a dashboard's user: a random call, then a pause.
export function visit(offer) {
  if (exec.vu.iterationInScenario === 0) sleep(Math.random() * THINK) // staggers the users
  const call = drawCall()
  send(call, CALLS[call].ask(offer))
  sleep(THINK * (0.5 + Math.random()))
}

// Every call in turn, so that even a short run includes each of them.
export function tour(offer) {
  for (const [call, { ask }] of Object.entries(CALLS)) {
    send(call, ask(offer))
    sleep(THINK * (0.5 + Math.random()) / 10)
  }
}

// Every call, over new connections, to warm every worker: its first explanation takes 1 s.
export function warmUp(offer) {
  for (const [call, { ask }] of Object.entries(CALLS)) send(call, ask(offer), { leave: true })
}

// A random series over a constant horizon, so that requests are repeated: cache hits.
export function one(offer) {
  send('simple', simple(pick(offer.series), horizon(offer), offer.first))
}

// The warm-up of `one`: every series in turn, with a new connection from time to time, so that each
// worker has answered each series.
export function walk(offer) {
  const many = offer.series.length
  const place = exec.vu.iterationInScenario + Math.floor((exec.vu.idInInstance * many) / WARM_UP.users)
  const request = simple(offer.series[place % many], horizon(offer), offer.first)
  send('simple', request, { leave: below(20) === 0 })
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
