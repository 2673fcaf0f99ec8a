export const signIn = {
  title: 'Sign in',
  checking: 'Checking…',
  continue: 'Continue',
  signedIn: 'You are signed in as {{name}}.',
  notRequired: 'This server asks nobody to sign in.',
  noWay:
    'This server accepts neither keys nor a single sign-on from this page. Ask whoever operates it.',
  arriving: 'Signing you in…',
  key: {
    title: 'With a key',
    label: 'Key',
    hint: 'You have it from whoever manages the keys of your organization.',
    show: 'Show',
    refused: 'The key was not accepted',
  },
  keep: {
    label: 'Stay signed in until this tab is closed',
    inMemory: 'You will be signed out when the page is loaded anew. Nothing is stored.',
    inTab:
      'It is stored in this tab alone, and gone when the tab is closed. Do not choose this on a computer that others use.',
  },
  single: {
    title: 'With your organization’s sign-in',
    text: 'You are led to {{host}} and back.',
    go: 'Go to the sign-in',
    refused: 'You are known there, but not let in here',
  },
  fault: {
    title: 'Signing in did not work',
    said: 'What it said:',
    unreachable:
      'Your organization’s sign-in cannot be reached from this page. Check your connection; if that is fine, whoever operates it must allow calls from this address.',
    insecure:
      'The single sign-on needs an encrypted connection. Open this page by an address that begins with https.',
    denied: 'Your organization’s sign-in did not let you in, or you cancelled. Try again.',
    interaction: 'Your organization’s sign-in has to ask you something first. Try again.',
    refused:
      'Your organization’s sign-in refused. Try again; if it comes back, report the text below.',
    stale: 'This sign-in was begun in another tab, or is used up. Begin anew.',
    invalid:
      'The answer of your organization’s sign-in is not what it has to be. Begin anew; if it comes back, report the text below.',
  },
};
