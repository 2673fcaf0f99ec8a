// What there is to ask for, as the server itself says, and draws from it.

import http from 'k6/http'
import { randomSeed } from 'k6'

const DAY = 24 * 3600 * 1000

randomSeed(__VU + 1) // every user draws in its own way, and so again in the next run

// Runs once, before everything else; what it returns is given to every call.
export function offered() {
  const meta = got('/meta')
  const trees = { store: got('/hierarchy?by=store').tree, family: got('/hierarchy?by=family').tree }
  const first = day(meta.data.last, 1)
  return {
    series: trees.store.children.flatMap((store) =>
      store.children.map((child) => ({ store_nbr: Number(store.name), family: child.name })),
    ),
    stores: trees.store.children.map((store) => ({
      store_nbr: Number(store.name),
      families: store.children.map((child) => child.name),
    })),
    nodes: { store: counted(trees.store), family: counted(trees.family) },
    horizons: meta.horizons,
    first,
    days: Math.round((Date.parse(meta.forecast.last) - Date.parse(first)) / DAY) + 1,
  }
}

export function pick(list) {
  return list[below(list.length)]
}

// A whole number from 0 to one less than `end`.
export function below(end) {
  return Math.floor(Math.random() * end)
}

// The day so many days after one, both as YYYY-MM-DD.
export function day(from, days) {
  return new Date(Date.parse(from) + days * DAY).toISOString().slice(0, 10)
}

function got(path) {
  const answer = http.get(__ENV.URL + path, { headers: { 'X-API-Key': __ENV.KEY } })
  if (answer.status !== 200) {
    throw new Error(`${path} was answered with ${answer.status}: ${answer.body || answer.error}`)
  }
  return answer.json()
}

function counted(node) {
  return node.children.reduce((sum, child) => sum + counted(child), 1)
}
