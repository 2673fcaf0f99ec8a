import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BASIS, callerAnswer, healthAnswer, problem } from '@/test/answers';
import { renderAt } from '@/test/render';
import { server } from '@/test/server';
import { countsOf } from './metrics';
import Status from './status';
import { canAfford, type Job, REFRESH_MILLISECONDS } from './use-status';

const METRICS = `# HELP mlrf_requests_total Requests.
# TYPE mlrf_requests_total counter
mlrf_requests_total{method="GET",endpoint="/meta",status="200"} 90.0
mlrf_requests_total{method="POST",endpoint="/fore\\"cast",status="503"} 4.0
mlrf_requests_total{method="GET",endpoint="other",status="404"} 6.0
mlrf_request_duration_seconds_bucket{le="0.001",endpoint="/meta"} 77.0
mlrf_cache_misses_total 25.0
mlrf_cache_hits_total 75.0
mlrf_requests_in_flight 1.0
`;

const JOB: Job = {
  id: 'job-1',
  source: '2024-06-30',
  force: false,
  state: 'failed',
  queued_at: '2026-01-01T00:00:00+00:00',
  started_at: '2026-01-01T00:00:01+00:00',
  finished_at: '2026-01-01T00:01:31+00:00',
  phase: 'reading the tables',
  detail: 'bad/train.csv, row 3',
  previous_snapshot: null,
  bundle: null,
  snapshot: null,
};

beforeEach(() => {
  server.use(
    http.get('*/caller', () => HttpResponse.json(callerAnswer())),
    http.get('*/health', () => HttpResponse.json(healthAnswer())),
    http.get('*/metrics', () => HttpResponse.text(METRICS)),
    http.get('*/admin/reload-features', () => HttpResponse.json({ jobs: [JOB] })),
  );
});

describe('the status', () => {
  it('says at once that all is well, and what is served', async () => {
    renderAt('/status', <Status />);
    expect(
      await screen.findByText('Everything works. Sales are known through Jun 30, 2024.'),
    ).toBeVisible();
    expect(await screen.findByText('2 days behind')).toBeVisible();
    expect(screen.getByText(BASIS.model_version)).toBeVisible();
  });

  it('says what is wrong in plain words, and in those of the server', async () => {
    const reasons = [
      { name: 'redis', detail: 'Redis is away.' },
      { name: 'brand_new', detail: 'Something else.' },
    ];
    server.use(
      http.get('*/health', () =>
        HttpResponse.json(healthAnswer({ status: 'degraded', degraded: true, reasons })),
      ),
    );
    renderAt('/status', <Status />);
    expect(await screen.findByText(/but 2 things are wrong/)).toBeVisible();
    expect(
      await screen.findByText('Limits and shared answers are kept by each worker for itself'),
    ).toBeVisible();
    expect(screen.getByText('Redis is away.')).toBeVisible();
    expect(screen.getByText('Another part: brand_new')).toBeVisible();
  });

  it('shows how the service is used', async () => {
    renderAt('/status', <Status />);
    expect(await screen.findByText('75 of 100 answers')).toBeVisible();
    expect(screen.getByText('75%')).toBeVisible();
  });

  it('asks only for what the caller may read', async () => {
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ scopes: ['forecast'] }))),
      http.get('*/metrics', () => HttpResponse.error()),
      http.get('*/admin/*', () => HttpResponse.error()),
    );
    renderAt('/status', <Status />);
    expect(await screen.findByText(/lacks the permission to read the counts/)).toBeVisible();
    expect(screen.queryByText('Reloads of the data')).toBeNull();
  });

  it('is read again every 15 seconds, until it is paused', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      let calls = 0;
      server.use(
        http.get('*/health', () => {
          calls += 1;
          return HttpResponse.json(healthAnswer());
        }),
      );
      const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
      renderAt('/status', <Status />);
      const pause = await screen.findByRole('button', { name: 'Pause refreshing' });
      await vi.advanceTimersByTimeAsync(REFRESH_MILLISECONDS);
      await waitFor(() => expect(calls).toBeGreaterThan(1));
      await user.click(pause);
      const before = calls;
      await vi.advanceTimersByTimeAsync(3 * REFRESH_MILLISECONDS);
      expect(calls).toBe(before);
      await user.click(screen.getByRole('button', { name: 'Refresh now' }));
      await waitFor(() => expect(calls).toBe(before + 1));
    } finally {
      vi.useRealTimers();
    }
  });

  it('begins paused for a caller whose allowance it would use up', async () => {
    const limits = { quota: 100, window: 3600, burst: 10 };
    server.use(
      http.get('*/caller', () => HttpResponse.json(callerAnswer({ tier: 'free', limits }))),
    );
    renderAt('/status', <Status />);
    expect(await screen.findByText(/Paused, as each refresh counts/)).toBeVisible();
    expect(screen.getByRole('button', { name: 'Refresh every 15 seconds' })).toBeVisible();
  });

  it('is copied as a text for a support request', async () => {
    const user = userEvent.setup();
    renderAt('/status', <Status />);
    await screen.findByText('75 of 100 answers');
    await user.click(screen.getByRole('button', { name: 'Copy as text' }));
    const text = await navigator.clipboard.readText();
    expect(text).toContain(`model_version: ${BASIS.model_version}`);
    expect(text).toContain(`snapshot: 2024-06-30 ${BASIS.snapshot.digest}`);
    expect(text).toContain('cache hits: 75');
  });
});

describe('reloads of the data', () => {
  it('are listed with how long they took, and why they failed', async () => {
    renderAt('/status', <Status />);
    const row = await screen.findByRole('row', { name: /reading the tables/ });
    expect(row).toHaveTextContent('Failed');
    expect(row).toHaveTextContent('1 min 30 s');
    expect(row).toHaveTextContent('bad/train.csv, row 3');
  });

  it('are started for a folder', async () => {
    const bodies: unknown[] = [];
    server.use(
      http.post('*/admin/reload-features', async ({ request }) => {
        bodies.push(await request.json());
        const job = { ...JOB, source: '2024-07-31', state: 'queued' };
        return HttpResponse.json(job, { status: 202 });
      }),
    );
    const user = userEvent.setup();
    renderAt('/status', <Status />);
    await user.click(await screen.findByText('Start a reload'));
    await user.click(screen.getByRole('button', { name: 'Reload' }));
    expect(screen.getByText('Name the folder.')).toBeVisible();
    await user.type(screen.getByLabelText(/Folder below DATA_DIR/), '2024-07-31');
    await user.click(screen.getByLabelText(/Even if its newest day/));
    await user.click(screen.getByRole('button', { name: 'Reload' }));
    expect(await screen.findByText('The reload of “2024-07-31” has begun.')).toBeVisible();
    expect(bodies).toEqual([{ source: '2024-07-31', force: true }]);
  });

  it('are no failure of a server that reads no tables', async () => {
    server.use(
      http.get('*/admin/reload-features', () =>
        problem(503, 'RELOAD_UNAVAILABLE', 'This server reads no tables.'),
      ),
    );
    renderAt('/status', <Status />);
    expect(await screen.findByText('This server reads no tables.')).toBeVisible();
    expect(screen.queryByRole('alert')).toBeNull();
  });
});

describe('countsOf', () => {
  it('adds up the samples of all workers and routes', () => {
    expect(countsOf(METRICS)).toEqual({
      requests: 100,
      errors: 4,
      refused: 6,
      inFlight: 1,
      cacheHits: 75,
      cacheMisses: 25,
      limited: null,
    });
  });
});

describe('canAfford', () => {
  it.each([
    ['no limit', null, true],
    ['100 units a second', { quota: 100, window: 1, burst: 200 }, true],
    ['1,000 units an hour', { quota: 1000, window: 3600, burst: 100 }, false],
  ])('decides for %s', (_, limits, affordable) => {
    expect(canAfford(limits)).toBe(affordable);
  });
});
