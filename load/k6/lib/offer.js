// The series, days and horizons that can be requested, read from the server; and random draws.

import http from 'k6/http'
import { randomSeed } from 'k6'

const DAY = 24 * 3600 * 1000

randomSeed(__VU + 1) // a different sequence for each user, and the same in every run

// Runs once, before everything else; k6 passes the result to every call.
export function readOffer() {
  const meta = get('/meta')
  const trees = { store: get('/hierarchy?by=store').tree, family: get('/hierarchy?by=family').tree }
  const first = day(meta.data.last, 1)
  return {
    series: trees.store.children.flatMap((store) =>
      store.children.map((child) => ({ store_nbr: Number(store.name), family: child.name })),
    ),
    stores: trees.store.children.map((store) => ({
      store_nbr: Number(store.name),
      families: store.children.map((child) => child.name),
    })),
    nodes: { store: countNodes(trees.store), family: countNodes(trees.family) },
    horizons: meta.horizons,
    first,
    days: Math.round((Date.parse(meta.forecast.last) - Date.parse(first)) / DAY) + 1,
  }
}

export function pick(list) {
  return list[below(list.length)]
}

// A random integer from 0 to `end` - 1.
export function below(end) {
  return Math.floor(Math.random() * end)
}

// The date `days` days after another, both as YYYY-MM-DD.
export function day(from, days) {
  return new Date(Date.parse(from) + days * DAY).toISOString().slice(0, 10)
}

function get(path) {
  const answer = http.get(__ENV.URL + path, { headers: { 'X-API-Key': __ENV.KEY } })
  if (answer.status !== 200) {
    throw new Error(`${path} was answered with ${answer.status}: ${answer.body || answer.error}`)
  }
  return answer.json()
}

function countNodes(node) {
  return node.children.reduce((sum, child) => sum + countNodes(child), 1)
}
