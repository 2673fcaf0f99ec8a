import { BASE } from '@/url/base';
import { PAGES } from '@/url/links';
import { leave } from './leave';
import { beginSignIn, completeSignIn, type PendingSignIn, SignInError } from './oidc';
import type { Provider, TokenCredential } from './session';

const STORED = 'mlrf.sign-in';

/** Where the provider sends people back to; it has to know this address. */
export function redirectUri(): string {
  return new URL(PAGES.signIn.slice(1), BASE).href;
}

interface Departure extends PendingSignIn {
  /** Page to return to, as `ownPath` allows it. */
  back: string;
  keepInTab: boolean;
}

/** Send the person to the provider; they come back to the page of the sign-in. */
export async function goToProvider(
  provider: Provider,
  options: { back: string; keepInTab: boolean; silent?: boolean },
): Promise<void> {
  const { address, pending } = await beginSignIn(provider, redirectUri(), options);
  const left: Departure = { ...pending, back: options.back, keepInTab: options.keepInTab };
  sessionStorage.setItem(STORED, JSON.stringify(left));
  leave(address.href);
}

/** Return whether an address is the one that a provider led back to. */
export function isReturn(address: URL): boolean {
  const { searchParams } = address;
  return searchParams.has('state') && (searchParams.has('code') || searchParams.has('error'));
}

function departure(): Departure | null {
  return JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as Departure | null;
}

/** Return the page from which a person left for the provider, if they did. */
export function departedFrom(): string | null {
  return departure()?.back ?? null;
}

export interface Arrival {
  credential: TokenCredential;
  back: string;
  keepInTab: boolean;
}

/** A silent sign-in that the provider could not do without the person: it is to be begun anew. */
export class InteractionNeeded extends Error {
  constructor(
    readonly provider: Provider,
    readonly back: string,
    readonly keepInTab: boolean,
  ) {
    super('The provider needs the person.');
    this.name = 'InteractionNeeded';
  }
}

/**
 * Return what a person came back from the provider with.
 *
 * What was remembered is taken away first: an address that is opened twice signs nobody in.
 */
export async function arrive(address: URL): Promise<Arrival> {
  const stored = sessionStorage.getItem(STORED);
  sessionStorage.removeItem(STORED);
  if (stored === null) throw new SignInError('stale');
  const departure = JSON.parse(stored) as Departure;
  const { back, keepInTab } = departure;
  try {
    return { credential: await completeSignIn(address, departure), back, keepInTab };
  } catch (error) {
    const asked = error instanceof SignInError && error.fault === 'interaction';
    if (asked && departure.silent) throw new InteractionNeeded(departure.provider, back, keepInTab);
    throw error;
  }
}
