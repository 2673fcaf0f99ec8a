import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';

/**
 * The API as the tests play it: each test says what it answers; that it is there, and that it has
 * no jobs, all of them.
 */
export const server = setupServer(
  http.get('*/livez', () => new HttpResponse()),
  http.get('*/admin/jobs', () =>
    HttpResponse.json({ jobs: [], runner: null, reads_tables: false }),
  ),
);
