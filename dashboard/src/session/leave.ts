/** Go to another site; a module of its own, because tests have no other site to go to. */
export function leave(address: string): void {
  window.location.assign(address);
}
