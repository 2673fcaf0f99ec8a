/** A sample of the text format of Prometheus. */
interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Return the samples of some metrics; lines of others, such as histograms, are passed over. */
function samplesOf(text: string, names: readonly string[]): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    const list = name === undefined ? undefined : samples.get(name);
    if (list === undefined) continue;
    const pairs = [...labels.matchAll(LABEL)].map((match) => [match[1], match[2]]);
    list.push({ labels: Object.fromEntries(pairs), value: Number(value) });
  }
  return samples;
}

/** Counts of all workers since they started; null where the server has not counted any. */
export interface Counts {
  requests: number | null;
  /** Requests that the server failed: status 500 and above. */
  errors: number | null;
  /** Requests that were refused: status 400 to 499. */
  refused: number | null;
  inFlight: number | null;
  cacheHits: number | null;
  cacheMisses: number | null;
  limited: number | null;
}

const METRICS = {
  requests: 'mlrf_requests_total',
  inFlight: 'mlrf_requests_in_flight',
  cacheHits: 'mlrf_cache_hits_total',
  cacheMisses: 'mlrf_cache_misses_total',
  limits: 'mlrf_rate_limit_decisions_total',
} as const;

/** Return the counts that the status shows of the server's metrics. */
export function countsOf(text: string): Counts {
  const samples = samplesOf(text, Object.values(METRICS));
  const sum = (name: string, matches: (labels: Sample['labels']) => boolean = () => true) => {
    const all = samples.get(name) ?? [];
    if (all.length === 0) return null;
    return all
      .filter(({ labels }) => matches(labels))
      .reduce((total, { value }) => total + value, 0);
  };
  const hasStatus = (digit: string) => (labels: Sample['labels']) =>
    labels.status?.startsWith(digit) ?? false;
  return {
    requests: sum(METRICS.requests),
    errors: sum(METRICS.requests, hasStatus('5')),
    refused: sum(METRICS.requests, hasStatus('4')),
    inFlight: sum(METRICS.inFlight),
    cacheHits: sum(METRICS.cacheHits),
    cacheMisses: sum(METRICS.cacheMisses),
    limited: sum(METRICS.limits, ({ outcome }) => outcome === 'refused'),
  };
}
