import type { Job, Jobs } from '@/api/jobs';
import type { Findings, Source, Sources, Tables } from './use-training';

/** Return a training that runs unless the changes say otherwise. */
export function jobOf(changes: Partial<Job> = {}): Job {
  return {
    id: 'a-training',
    kind: 'training',
    subject: 'shops',
    by: 'anna',
    state: 'running',
    queued_at: '2026-11-21T07:31:20+00:00',
    started_at: '2026-11-21T07:31:21+00:00',
    finished_at: null,
    progress: {
      phase: 'fit',
      step: 3,
      steps: 9,
      done: 1,
      total: 2,
      seconds_remaining: 140,
    },
    cancelled_by: null,
    detail: null,
    result: null,
    ...changes,
  };
}

/** Return a job that has succeeded, with what its result has. */
export function endedJob(
  changes: Partial<Job>,
  result: Partial<NonNullable<Job['result']>> = {},
): Job {
  return jobOf({
    state: 'succeeded',
    finished_at: '2026-11-21T07:33:26+00:00',
    result: {
      bundle: null,
      snapshot: null,
      previous_snapshot: null,
      served: null,
      verdict: null,
      tables: null,
      outliers: null,
      ...result,
    },
    ...changes,
  });
}

export function jobsOf(jobs: Job[], changes: Partial<Jobs> = {}): Jobs {
  const runner = { host: 'box', seen_at: '2026-11-21T07:31:20+00:00', alive: true, trains: true };
  return { jobs, runner, reads_tables: true, ...changes };
}

export function sourceOf(changes: Partial<Source> = {}): Source {
  const file = { name: 'sales.csv', bytes: 2_000_000, modified: '2026-11-20T07:00:00+00:00' };
  return {
    name: 'shops',
    files: [file],
    bytes: file.bytes,
    modified: file.modified,
    by: 'anna',
    ...changes,
  };
}

export function sourcesOf(sources: Source[], uploads: Source[] = []): Sources {
  const rules = { max_bytes: 1000, max_files: 3, name: '[a-z0-9-]{1,20}', file: '[a-z]+\\.csv' };
  return { sources, uploads, rules };
}

/** Return the result of a check of right tables of a training. */
export function tablesOf(changes: Partial<Tables> = {}): Tables {
  return {
    usable: true,
    published: null,
    reason: null,
    errors: [],
    warnings: [],
    understood: [],
    rows: 5760,
    series: 12,
    first: '2022-01-01',
    origin: '2023-04-25',
    seconds: 95,
    ...changes,
  };
}

export function findingsOf(changes: Partial<Findings> = {}): Findings {
  return {
    severity: 'error',
    code: 'date',
    count: 1,
    findings: [
      {
        file: 'sales.csv',
        message: "'yesterday' where a date (YYYY-MM-DD) is expected",
        row: 2,
        column: 'Tag',
        value: 'yesterday',
        advice: 'write YYYY-MM-DD',
      },
    ],
    ...changes,
  };
}
