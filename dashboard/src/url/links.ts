/** Pages of the dashboard, by name; the server answers the same addresses with the document. */
export const PAGES = {
  overview: '/',
  forecast: '/forecasts',
  explain: '/explain',
  whatIf: '/what-if',
  compare: '/compare',
  tree: '/tree',
  batch: '/batch',
  quality: '/quality',
  monitoring: '/monitoring',
  plan: '/plan',
  models: '/models',
  keys: '/keys',
  status: '/status',
  signIn: '/sign-in',
} as const;

export type PageName = keyof typeof PAGES;

type Query = Record<string, string | number | null | undefined>;

/** Return the address of a page with its query; what is null or empty is left out. */
export function linkTo(page: PageName, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
  }
  const written = search.toString();
  return PAGES[page] + (written && `?${written}`);
}
