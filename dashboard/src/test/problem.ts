import { HttpResponse } from 'msw';

/** A problem as the API answers it. */
export function problem(status: number, code: string, detail: string, headers = {}) {
  const body = {
    type: `/docs/errors#${code.toLowerCase()}`,
    title: code,
    status,
    detail,
    instance: '/',
    code,
    error: detail,
    request_id: 'request-1',
    errors: [],
  };
  return HttpResponse.json(body, { status, headers });
}
