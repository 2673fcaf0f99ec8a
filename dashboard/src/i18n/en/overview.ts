export const overview = {
  title: 'Overview',
  lead: {
    units: '{{units}} units are expected {{days}}.',
    known: 'Sales are known to {{day}}.',
  },
  stats: {
    week: 'Next week',
    all: 'Next {{length}}',
    band: '80 %: {{lower}} – {{upper}}',
    year: 'Against the year before',
    known: 'Sales known to',
    age_zero: 'As new as can be',
    age_one: '{{count}} day behind',
    age_other: '{{count}} days behind',
    release: 'Model trained to',
  },
  freshness: {
    demo: 'These are the demo’s data. They end on {{day}} and never become newer.',
    degraded: 'Part of the service is impaired',
    quality_one: '{{count}} warning about the model',
    quality_other: '{{count}} warnings about the model',
  },
  chart: { title: 'All sales', open: 'Open the forecast' },
  exceptions: {
    title: 'Look at these first',
    kind: 'Kind',
    level: 'Level',
    all: 'All',
    option: '{{title}} ({{count}})',
    more: 'Show all {{count}}',
    none: 'Nothing stands out. All forecasts are near to what was to be expected.',
    notChecked_one: '{{count}} kind could not be looked for',
    notChecked_other: '{{count}} kinds could not be looked for',
    stake: '{{change}} units',
    likeForLike: 'Like for like, without what is new since then: {{change}}.',
    inSample: 'The model was trained on these days, so its forecast fits them better than it will.',
    kinds: {
      'last-year': {
        title: 'Unlike last year',
        means: 'The forecast is far from what was sold on the same weekdays a year before.',
        text: '{{days}}: {{forecast}} forecast, {{reference}} sold the year before.',
      },
      recent: {
        title: 'Unlike the last weeks',
        means: 'The forecast is far from the pace of the last four weeks.',
        text: '{{days}}: {{forecast}} forecast, {{reference}} at the pace of the last four weeks.',
      },
      'outside-band': {
        title: 'Sold unlike forecast',
        means:
          'The sales of the last four weeks lie outside the 95 % interval that the current model gives them from the sales before.',
        text: '{{days}}: {{reference}} sold, {{forecast}} forecast.',
      },
      stockout: {
        title: 'Stopped selling',
        means: 'These usually sell and sold nothing lately: perhaps they are out of stock.',
        text: 'Nothing sold {{days}}, {{forecast}} would be usual.',
      },
      promotion: {
        title: 'Other promotions than lately',
        means:
          'Far more or far fewer promotions are planned than there were in the last four weeks.',
        text: '{{days}}: {{forecast}} forecast, {{reference}} at the pace of the last four weeks.',
      },
      'new-series': {
        title: 'New',
        means:
          'Announced, or without a full year of sales: there is no year before to compare with, and the forecast has less to rest on.',
        text: '{{days}}: {{forecast}} forecast, {{reference}} sold in as many days before.',
      },
    },
  },
};
