import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { renderAt } from '@/test/render';
import { ownPath, useSignInLink } from './back';

test.each([
  ['a page', '/plan', '/plan'],
  ['a page with its options', '/plan?node=store%3A1#list', '/plan?node=store%3A1#list'],
  ['a path with dots', '/tree/../plan', '/plan'],
])('leads back to %s', (_, text, path) => {
  expect(ownPath(text)).toBe(path);
});

test.each([
  ['another site', 'https://evil.example/plan'],
  ['another site without a scheme', '//evil.example/plan'],
  ['another site by a backslash', '/\\evil.example'],
  ['another site by a tab between slashes', '/\t/evil.example'],
  ['another site by a line break', '/\n/evil.example'],
  ['another site after dots', '/..//evil.example'],
  ['another site after a dot', '/.//evil.example'],
  ['a script', 'javascript:alert(1)'],
  ['data', 'data:text/html,x'],
  ['a relative path', 'plan'],
  ['the sign-in itself', '/sign-in?back=/sign-in'],
  ['nothing', ''],
  ['no text', null],
])('leads to the first page in place of %s', (_, text) => {
  expect(ownPath(text)).toBe('/');
});

function Here() {
  return <a href={useSignInLink()}>sign in</a>;
}

test('leads from the sign-in back to the page with its options', () => {
  renderAt('/plan?node=store:1', <Here />);
  const link = screen.getByRole('link').getAttribute('href') ?? '';
  expect(new URLSearchParams(link.split('?')[1]).get('back')).toBe('/plan?node=store:1');
});

test('keeps the page to return to on the sign-in itself', () => {
  renderAt('/sign-in?back=%2Ftree', <Here />);
  expect(screen.getByRole('link')).toHaveAttribute('href', '/sign-in?back=%2Ftree');
});
