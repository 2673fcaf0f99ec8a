import { fireEvent, render, screen } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { META } from '@/test/answers';
import { HorizonSelect } from './horizon-select';

function labels(): (string | null | undefined)[] {
  return screen.getAllByRole('radio').map((each) => each.parentElement?.textContent);
}

test('offers whole weeks as far as the model reaches, and chooses one', () => {
  const change = vi.fn();
  render(<HorizonSelect meta={META} value={14} onChange={change} />);
  expect(labels()).toEqual(['7 days', '14 days', '28 days', '56 days', '90 days', 'Other…']);
  expect(screen.getByLabelText('14 days')).toBeChecked();
  fireEvent.click(screen.getByLabelText('56 days'));
  expect(change).toHaveBeenCalledExactlyOnceWith(56);
});

test('offers others for a question of its own, in order', () => {
  const meta = { ...META, max_horizon: 28 };
  render(<HorizonSelect meta={meta} value={28} common={[28, 7, 14, 56]} onChange={() => {}} />);
  expect(labels()).toEqual(['7 days', '14 days', '28 days', 'Other…']);
});

test('counts weeks where the sales are weekly', () => {
  const meta = { step: 'week' as const, max_horizon: 13 };
  render(<HorizonSelect meta={meta} value={8} onChange={() => {}} />);
  expect(labels()).toEqual(['1 week', '2 weeks', '4 weeks', '8 weeks', '13 weeks', 'Other…']);
  fireEvent.click(screen.getByLabelText('Other…'));
  expect(screen.getByLabelText('Number of weeks, 1 to 13')).toHaveValue(8);
});

test('takes any number that the model reaches, and says which it does not', () => {
  const change = vi.fn();
  render(<HorizonSelect meta={META} value={45} onChange={change} />);
  const field = screen.getByLabelText('Number of days, 1 to 90');
  expect(field).toHaveValue(45);
  for (const wrong of ['91', '0', '2.5', '']) {
    fireEvent.change(field, { target: { value: wrong } });
    expect(screen.getByRole('alert')).toHaveTextContent('1 to 90');
  }
  expect(change).not.toHaveBeenCalled();
  fireEvent.change(field, { target: { value: '90' } });
  expect(change).toHaveBeenCalledExactlyOnceWith(90, 'push');
});

test('follows a value that changes elsewhere', () => {
  const { rerender } = render(<HorizonSelect meta={META} value={45} onChange={() => {}} />);
  rerender(<HorizonSelect meta={META} value={28} onChange={() => {}} />);
  expect(screen.getByLabelText('28 days')).toBeChecked();
  rerender(<HorizonSelect meta={META} value={50} onChange={() => {}} />);
  expect(screen.getByLabelText('Number of days, 1 to 90')).toHaveValue(50);
});
