// Requests at a constant rate, from before the first pod is stopped until after the last has been
// replaced. Any response but 200 fails, as does a refused connection; no failure is allowed.
import http from 'k6/http';
import { check } from 'k6';

const body = JSON.stringify({ store_nbr: 1, family: 'DAIRY', horizon: 15 });
const params = {
  headers: { 'Content-Type': 'application/json', 'X-API-Key': __ENV.API_KEY },
};

export const options = {
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: '1h', // the caller interrupts it
      preAllocatedVUs: 50,
      maxVUs: 200,
    },
  },
  summaryTrendStats: ['p(50)', 'p(95)', 'p(99)', 'max'],
};

export default function () {
  const response = http.post(`${__ENV.URL}/predict/simple`, body, params);
  check(response, { 'is answered': (r) => r.status === 200 });
}
