/** Address of the application: what the server put into `<base>`, so that it works below a prefix. */
export const BASE = new URL('.', document.baseURI);

/** Path of the application without the slash at its end, as the router wants it. */
export const BASE_PATH = BASE.pathname.replace(/\/$/, '');

/** Keep links relative to the application when the address changes without a new document. */
export function pinBase(): void {
  document.querySelector('base')?.setAttribute('href', BASE.href);
}
