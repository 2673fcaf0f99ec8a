// The calls of a dashboard: their shares of the load, their requests, and checks that a response
// matches its request. Responses are read by paths (gjson): parsing them whole would take more time
// here than computing them takes the server.

import http from 'k6/http'
import { check } from 'k6'
import { Rate, Trend } from 'k6/metrics'
import { below, day, pick } from './offer.js'

const LOGGED = 3 // wrong responses that each user logs at most
const ROUNDING = 1e-6

const errors = new Rate('errors')
const size = new Trend('content_length')

// Each `ask` returns a request, and `fits`: whether a response is right for it.
export const CALLS = {
  // One series, as in a chart.
  simple: {
    share: 70,
    ask: (offer) => simple(pick(offer.series), pick(offer.horizons), offer.first),
  },
  // The whole hierarchy on one day, or summed over one of the possible horizons.
  hierarchy: {
    share: 10,
    ask: (offer) => {
      const by = pick(['store', 'family'])
      const horizon = pick([1, ...offer.horizons])
      const date = horizon === 1 ? day(offer.first, below(offer.days)) : offer.first
      const summed = horizon === 1 ? '' : `&horizon=${horizon}`
      return {
        method: 'GET',
        path: `/hierarchy?by=${by}&date=${date}${summed}`,
        fits: (answer) =>
          same(answer.json('[by,date,horizon,tree.id]'), [by, date, horizon, 'total']) &&
          answer.body.split('"id":').length - 1 === offer.nodes[by],
      }
    },
  },
  // All families of a store (100 at most), as in a table.
  batch: {
    share: 10,
    ask: (offer) => {
      const { store_nbr, families } = pick(offer.stores)
      const horizon = offer.horizons[0]
      const requested = families.slice(0, 100)
      return {
        path: '/predict/batch',
        body: { predictions: requested.map((family) => ({ store_nbr, family, horizon })) },
        fits: (answer) =>
          same(answer.json('predictions.#.family'), requested) &&
          same(answer.json('predictions.#.forecast.#'), requested.map(() => horizon)),
      }
    },
  },
  // A scenario with other promotions of one series on some days, over the longest horizon. The same
  // request is hardly ever repeated, so the server computes it: a cache miss.
  whatif: {
    share: 5,
    ask: (offer) => {
      const series = pick(offer.series)
      const horizon = Math.max(...offer.horizons)
      const from = below(horizon - 14)
      const value = below(500)
      const on = { from: day(offer.first, from), to: day(offer.first, from + below(14)) }
      return {
        path: '/whatif',
        body: { ...series, horizon, adjustments: { onpromotion: { op: 'set', value, ...on } } },
        fits: (answer) => {
          const [node, days, last, above, baseline, scenario, delta] = answer.json(
            `[node,days.#,days.${horizon - 1}.date,ancestors.#.level,baseline,scenario,delta]`,
          )
          return (
            node === idOf(series) &&
            days === horizon &&
            last === day(offer.first, horizon - 1) &&
            same(above, ['family', 'store', 'total']) &&
            near(scenario - baseline, delta, baseline)
          )
        },
      }
    },
  },
  // The explanation of a series' forecast of one day; mostly a cache miss, too.
  explain: {
    share: 5,
    ask: (offer) => {
      const series = pick(offer.series)
      const date = day(offer.first, below(offer.days))
      return {
        path: '/explain',
        body: { ...series, date },
        fits: (answer) => {
          const [node, on, prediction, missing, units, ...steps] = answer.json(
            '[node,date,prediction,missing,features.#.units,' +
              'base_units,cut,reconciliation,not_explained.units]',
          )
          const sum = [...units, ...steps].reduce((total, step) => total + step, 0)
          const rounding = Math.abs(sum - prediction)
          return node === idOf(series) && on === date && near(rounding, missing, prediction)
        },
      }
    },
  },
}

export function simple(series, horizon, first) {
  return {
    path: '/predict/simple',
    body: { ...series, horizon },
    fits: (answer) =>
      same(answer.json(`[store_nbr,family,date,horizon,forecast.#,forecast.${horizon - 1}.date]`), [
        ...[series.store_nbr, series.family, first, horizon, horizon],
        day(first, horizon - 1),
      ]),
  }
}

// Draw the name of a call, with the shares as probabilities in percent.
export function drawCall() {
  let place = below(100)
  return Object.keys(CALLS).find((name) => (place -= CALLS[name].share) < 0)
}

let logged = 0

// Send a request, and count it as an error unless the response is right. `leave` closes the
// connection afterwards: another worker may accept the next one.
export function send(call, { method = 'POST', path, body, fits }, { leave = false } = {}) {
  const headers = { 'X-API-Key': __ENV.KEY, 'Accept-Encoding': 'gzip' }
  if (leave) headers.Connection = 'close'
  if (body) headers['Content-Type'] = 'application/json'
  const tags = { call }
  const answer = http.request(method, __ENV.URL + path, body && JSON.stringify(body), {
    ...{ headers, tags, timeout: '30s' },
  })
  const answered = answer.status === 200 && answer.headers['Content-Type'] === 'application/json'
  const right = check(
    answer,
    {
      [`${call}: 200, JSON`]: () => answered,
      [`${call}: what was asked for`]: () => answered && isRight(fits, answer),
    },
    tags,
  )
  errors.add(!right, tags)
  if (answered) size.add(Number(answer.headers['Content-Length']), tags)
  if (!right && logged++ < LOGGED) {
    const what = answer.error || String(answer.body).slice(0, 300)
    console.error(`${method} ${path} ${JSON.stringify(body) || ''}: ${answer.status} ${what}`)
  }
}

// A response of an unexpected shape makes `fits` throw. It must count as wrong: an exception would
// end the user's iteration without counting it.
function isRight(fits, answer) {
  try {
    return fits(answer)
  } catch (error) {
    return false
  }
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other)
}

function near(one, other, scale) {
  return Math.abs(one - other) <= ROUNDING * Math.max(1, Math.abs(scale), Math.abs(other))
}

function idOf({ store_nbr, family }) {
  return `store:${store_nbr}/family:${family}`
}
