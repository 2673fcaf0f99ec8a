// Requests at a steady rate, from before the first pod ends until after the last is back. A failed
// one is anything but a 200, a refused connection too; one is too many.
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
      duration: '1h', // it is interrupted
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
