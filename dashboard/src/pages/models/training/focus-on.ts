/** Return the id of a job in the list of jobs. */
export function jobElementId(id: string): string {
  return `job-${id}`;
}

/** Return the id of a model's row in the list of models. */
export function modelElementId(bundle: string): string {
  return `model-${bundle}`;
}

/** Give the focus to an element of the page, which shows it; from there the keyboard goes on. */
export function focusOn(id: string): void {
  document.getElementById(id)?.focus();
}
