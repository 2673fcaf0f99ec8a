export const quality = {
  title: 'How accurate are the forecasts?',
  level: 'Level',
  group: 'Period',
  off: {
    day: '{{days}} days ahead, forecasts were {{wape}} off on average.',
    week: '{{days}} weeks ahead, forecasts were {{wape}} off on average.',
  },
  offBeside: {
    day: '{{days}} days ahead, forecasts were {{wape}} off on average; the same weekday of the last known week would have been {{rule}} off.',
    week: '{{days}} weeks ahead, forecasts were {{wape}} off on average; the last known week would have been {{rule}} off.',
  },
  range: { day: '{{days}} days ahead', week: '{{days}} weeks ahead' },
  offBy: '{{wape}} off',
  inSum: 'All together',
  low: '{{bias}} too low',
  high: '{{bias}} too high',
  intervals: '{{nominal}} intervals, {{level}}',
  held: '{{held}} within',
  warnings: 'What the check of this model found',
  errors: 'How far off, by days ahead',
  measure: {
    day: '“Off” is the sum of all errors of the days, too many or too few, as a share of what was sold (WAPE). Sums are easier to forecast than single series, because errors cancel out.',
    week: '“Off” is the sum of all errors of the weeks, too many or too few, as a share of what was sold (WAPE). Sums are easier to forecast than single series, because errors cancel out.',
  },
  table: {
    day: 'Errors by level and days ahead',
    week: 'Errors by level and weeks ahead',
  },
  wape: 'Off on average',
  bias: 'Too high (+) or low (−)',
  coverage: {
    title: 'Do the intervals hold?',
    which: 'Interval',
    caption: 'Share of the sales within {{nominal}} intervals',
    kept: 'as promised',
    narrow: 'too narrow',
    wide: 'too wide',
    allKept:
      'Yes: at every level and however far ahead, about {{nominal}} of the sales were within the {{nominal}} intervals.',
    worst: {
      day: '{{kept}} of {{count}} hold. The furthest from {{nominal}} are those of {{level}}, {{days}} days ahead: {{held}} of the sales were within.',
      week: '{{kept}} of {{count}} hold. The furthest from {{nominal}} are those of {{level}}, {{days}} weeks ahead: {{held}} of the sales were within.',
    },
    note: 'Too narrow: more than 5 points fewer of the sales were within than promised, so plan with more room. Too wide: more than 5 points more.',
  },
  hard: {
    title: 'What is hard to forecast?',
    order: 'First',
    hard: 'Hardest',
    units: 'Most units wrong',
    easy: 'Easiest',
    more: 'Show more',
    better: 'better',
    beaten_one:
      'For {{count}} of the {{shown}} shown, the same weekday last week would have been better than the forecast.',
    beaten_other:
      'For {{count}} of the {{shown}} shown, the same weekday last week would have been better than the forecast.',
    noneBeaten: 'The forecast was better than the same weekday last week for all that are shown.',
    none: 'No sales of the last weeks can be compared at this level.',
    caption: '{{shown}} of {{count}}, {{days}}',
    wrong: 'Units wrong',
    inSample:
      'The model was trained on these days too: the list tells what is hard, but ahead the errors are larger.',
    note: 'The last known weeks, forecast as if they were not known yet. A name leads to that forecast beside what was sold.',
  },
  check: {
    title: 'What was said four weeks ago, and what came?',
    open: 'Check {{node}}',
  },
  none: 'No accuracy was measured for this model. Train it on a longer history, or run a backtest.',
  source: {
    backtest_one:
      'From a backtest: the model was trained anew before {{count}} past period, and compared with what was sold then.',
    backtest_other:
      'From a backtest: the model was trained anew before each of {{count}} past periods, and compared with what was sold then.',
    calibration_one:
      'From the training: a simpler model forecast {{count}} past period that it had not seen. The model that serves is a little better.',
    calibration_other:
      'From the training: a simpler model forecast {{count}} past periods that it had not seen. The model that serves is a little better.',
  },
};
