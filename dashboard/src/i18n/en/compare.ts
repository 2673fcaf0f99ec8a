export const compare = {
  title: 'Compare',
  lead: '{{days}}: {{node}} sells the most, {{units}} units.',
  changes: 'Against the year before, {{best}} does best ({{up}}) and {{worst}} worst ({{down}}).',
  add: 'Add to the comparison',
  chosen: 'Compared',
  remove: 'Remove {{node}}',
  full: 'At most {{count}} can be compared. Remove one to add another.',
  mode: { label: 'Show', units: 'Units', index: 'Start = 100' },
  empty: 'Choose at least two stores, products or other groups to compare them.',
  suggestion: 'Compare {{nodes}}',
  chart: '{{nodes}} compared',
  legend: 'Up to {{day}} (the vertical line) what was sold, then the forecast.',
  unitsHint: 'In units.',
  indexHint:
    'Each line is divided by its own first value shown here, which is 100: 110 is 10 % more.',
  omitted_one: '{{nodes}} is left out: its first value is 0, which cannot be 100.',
  omitted_other: '{{nodes}} are left out: their first value is 0, which cannot be 100.',
  sums: 'Sums over the period',
  caption: 'Sums of {{days}}',
  change: 'Change',
  yearBefore:
    'The year before is the same weekdays 52 weeks earlier; “–” where not all of them are known.',
};
